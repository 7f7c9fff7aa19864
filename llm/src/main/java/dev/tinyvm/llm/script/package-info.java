/** A provider without a model, for tests and demonstrations: it says what its script says, and fails when told to. */
@NullMarked
package dev.tinyvm.llm.script;

import org.jspecify.annotations.NullMarked;
