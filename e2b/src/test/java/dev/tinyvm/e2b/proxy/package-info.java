/** Tests. */
@NullMarked
package dev.tinyvm.e2b.proxy;

import org.jspecify.annotations.NullMarked;
