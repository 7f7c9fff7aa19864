/** The front door: one port, several doors, no logic of its own. */
@NullMarked
package dev.tinyvm.server;

import org.jspecify.annotations.NullMarked;
