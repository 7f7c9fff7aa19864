/** What the gateway must know of the three wire formats, and no more: where, which model, how many tokens, how an error looks. */
@NullMarked
package dev.tinyvm.llm.wire;

import org.jspecify.annotations.NullMarked;
