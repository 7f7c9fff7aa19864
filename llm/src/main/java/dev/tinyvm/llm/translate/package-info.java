/** One dialect's client on another dialect's provider. */
@NullMarked
package dev.tinyvm.llm.translate;

import org.jspecify.annotations.NullMarked;
