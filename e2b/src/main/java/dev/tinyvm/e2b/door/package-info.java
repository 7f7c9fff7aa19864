/** The way in: tells which requests are E2B's and whom each is for. */
@NullMarked
package dev.tinyvm.e2b.door;

import org.jspecify.annotations.NullMarked;
