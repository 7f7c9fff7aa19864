/** Cuts functions that are too large for one method of the JVM into several, so that they are compiled rather than interpreted. */
@NullMarked
package dev.tinyvm.engine.wasm.split;

import org.jspecify.annotations.NullMarked;
