/** Tests. */
@NullMarked
package dev.tinyvm.e2b.envd;

import org.jspecify.annotations.NullMarked;
