/** Tests of the E2B door over a manager with an engine in memory. */
@NullMarked
package dev.tinyvm.e2b;

import org.jspecify.annotations.NullMarked;
