/** HTTP for guests without sockets: a client that runs on the host's side of the wall and goes only where the Tiny VM's own loopback ports lead. */
@NullMarked
package dev.tinyvm.engine.wasm.web;

import org.jspecify.annotations.NullMarked;
