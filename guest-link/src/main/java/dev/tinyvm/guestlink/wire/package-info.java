/** Frames and payload primitives of the guest and spawner protocols: bytes in, frame or {@link WireException} out; no I/O, no state beyond one decoder. */
@NullMarked
package dev.tinyvm.guestlink.wire;

import org.jspecify.annotations.NullMarked;
