/** The gateway against a scripted provider, over real sockets. */
@NullMarked
package dev.tinyvm.llm;

import org.jspecify.annotations.NullMarked;
