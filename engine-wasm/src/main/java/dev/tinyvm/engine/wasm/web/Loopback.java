package dev.tinyvm.engine.wasm.web;

import dev.tinyvm.engine.GuestConnection;
import java.io.IOException;

/** The Tiny VM's own 127.0.0.1, as what runs inside sees it. */
@FunctionalInterface
public interface Loopback {
    /** @throws IOException nobody listens there, or there are too many connections */
    GuestConnection connect(int port) throws IOException;
}
