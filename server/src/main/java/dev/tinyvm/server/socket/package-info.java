/** WebSockets with blocking reads and writes, and what is carried over them. */
@NullMarked
package dev.tinyvm.server.socket;

import org.jspecify.annotations.NullMarked;
