/** The published numbers: measured from outside, through the REST API over loopback, as any client sees them. */
@NullMarked
package dev.tinyvm.bench;

import org.jspecify.annotations.NullMarked;
