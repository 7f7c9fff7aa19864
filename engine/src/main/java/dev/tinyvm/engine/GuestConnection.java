package dev.tinyvm.engine;

import java.io.InputStream;
import java.io.OutputStream;

/** One TCP connection on a Tiny VM's loopback. Closing the output half-closes; closing this ends both ways. */
public interface GuestConnection extends AutoCloseable {
    InputStream input();

    OutputStream output();

    @Override
    void close();
}
