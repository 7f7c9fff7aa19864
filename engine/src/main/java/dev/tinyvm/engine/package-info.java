/** What every wall offers: the only way in which the upper rooms see a Tiny VM. Nothing of HTTP, billing or LLMs. */
@NullMarked
package dev.tinyvm.engine;

import org.jspecify.annotations.NullMarked;
