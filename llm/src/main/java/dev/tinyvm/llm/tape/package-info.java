/** Exchanges written to files, and answered from them again. */
@NullMarked
package dev.tinyvm.llm.tape;

import org.jspecify.annotations.NullMarked;
