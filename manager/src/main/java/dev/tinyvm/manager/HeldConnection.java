package dev.tinyvm.manager;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.manager.VmActivity.Hold;
import java.io.InputStream;
import java.io.OutputStream;

/** A connection into a Tiny VM, which is not frozen before it is closed. */
record HeldConnection(GuestConnection connection, Hold hold) implements GuestConnection {
    @Override
    public InputStream input() {
        return connection.input();
    }

    @Override
    public OutputStream output() {
        return connection.output();
    }

    @Override
    public void close() {
        try {
            connection.close();
        } finally {
            hold.close();
        }
    }
}
