/** Tests of what is odd in requests and answers on their way from one dialect to another. */
@NullMarked
package dev.tinyvm.llm.translate;

import org.jspecify.annotations.NullMarked;
