/** Tests. */
@NullMarked
package dev.tinyvm.e2b.control;

import org.jspecify.annotations.NullMarked;
