/** The container wall: asks the spawner for walls (spec/spawner-protocol.md) and talks to the guests inside. */
@NullMarked
package dev.tinyvm.engine.container;

import org.jspecify.annotations.NullMarked;
