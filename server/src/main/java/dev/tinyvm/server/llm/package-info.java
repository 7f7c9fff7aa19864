/** The LLM gateway for clients outside of Tiny VMs. */
@NullMarked
package dev.tinyvm.server.llm;

import org.jspecify.annotations.NullMarked;
