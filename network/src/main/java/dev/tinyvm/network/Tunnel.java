package dev.tinyvm.network;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.network.wire.WireInput;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** Bytes both ways until both sides have ended, or one broke. Each way keeps its own pace. */
final class Tunnel {
    private static final int BUFFER_BYTES = 32 << 10;

    private final GuestConnection client;
    private final WireInput in;
    private final Upstream upstream;

    /** @param in the client's bytes, some of which may have been read with the request */
    Tunnel(GuestConnection client, WireInput in, Upstream upstream) {
        this.client = client;
        this.in = in;
        this.upstream = upstream;
    }

    void run() throws IOException {
        Thread back = Thread.ofVirtual().name("tinyvm-egress-back").start(this::back);
        try {
            byte[] buffer = new byte[BUFFER_BYTES];
            OutputStream out = upstream.output();
            for (int size = in.read(buffer, 0, buffer.length); size >= 0; size = in.read(buffer, 0, buffer.length)) {
                out.write(buffer, 0, size);
                out.flush();
            }
            upstream.endOutput();
        } catch (IOException e) {
            upstream.close();
            client.close();
        }
        try {
            back.join();
        } catch (InterruptedException e) {
            upstream.close();
            client.close();
            Thread.currentThread().interrupt();
        }
    }

    private void back() {
        try {
            byte[] buffer = new byte[BUFFER_BYTES];
            InputStream from = upstream.input();
            OutputStream out = client.output();
            for (int size = from.read(buffer, 0, buffer.length);
                    size >= 0;
                    size = from.read(buffer, 0, buffer.length)) {
                out.write(buffer, 0, size);
                out.flush();
            }
            out.close();
        } catch (IOException e) {
            upstream.close();
            client.close();
        }
    }
}
