@NullMarked
package dev.tinyvm.llm.inside;

import org.jspecify.annotations.NullMarked;
