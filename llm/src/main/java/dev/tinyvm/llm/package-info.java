/** The LLM gateway: holds the keys, routes, meters, stops; the only way from a Tiny VM to a model. */
@NullMarked
package dev.tinyvm.llm;

import org.jspecify.annotations.NullMarked;
