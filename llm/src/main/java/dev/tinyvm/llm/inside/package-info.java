/** The gateway on the loopback of each Tiny VM, and what it tells the manager of who waits. */
@NullMarked
package dev.tinyvm.llm.inside;

import org.jspecify.annotations.NullMarked;
