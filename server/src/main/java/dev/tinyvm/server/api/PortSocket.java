package dev.tinyvm.server.api;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.server.http.FrameSocket;
import dev.tinyvm.server.http.FrameSocket.Binary;
import dev.tinyvm.server.http.FrameSocket.Closed;
import dev.tinyvm.server.http.FrameSocket.Text;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One TCP connection into a VM: binary frames are bytes, the text frame {@code {"type":"end"}} is the end of one direction. */
final class PortSocket implements FrameSocket.Body {
    private static final Logger log = LoggerFactory.getLogger(PortSocket.class);
    private static final Duration LONG = Duration.ofDays(1);
    private static final int BUFFER_BYTES = 32 << 10;
    private final GuestConnection connection;

    PortSocket(GuestConnection connection) {
        this.connection = connection;
    }

    @Override
    public void run(FrameSocket socket) throws Exception {
        socket.onClosed(connection::close);
        Thread out = Thread.ofVirtual().name("tinyvm-port-out").start(() -> fromVm(socket));
        try {
            intoVm(socket);
            out.join();
        } finally {
            connection.close();
        }
    }

    private void intoVm(FrameSocket socket) throws InterruptedException {
        OutputStream output = connection.output();
        try {
            while (true) {
                switch (socket.take(LONG).orElse(null)) {
                    case null -> {}
                    case Binary(byte[] bytes) -> {
                        output.write(bytes);
                        output.flush();
                        socket.release(bytes.length);
                    }
                    case Text(String text) -> {
                        JsonRequest control = JsonRequest.parse(text);
                        if (!control.requiredText("type").equals("end")) {
                            throw HttpError.invalid("the only text frame here is {\"type\":\"end\"}");
                        }
                        output.close();
                        return;
                    }
                    case Closed closed -> {
                        return;
                    }
                }
            }
        } catch (IOException e) {
            log.debug("the VM's side of a port connection takes no more", e);
        } catch (HttpError e) {
            socket.close(1008, e.text());
        }
    }

    private void fromVm(FrameSocket socket) {
        byte[] buffer = new byte[BUFFER_BYTES];
        InputStream input = connection.input();
        try {
            for (int size = input.read(buffer); size >= 0; size = input.read(buffer)) {
                socket.sendBinary(ByteBuffer.wrap(buffer, 0, size));
            }
            socket.sendText(g -> {
                g.writeStartObject();
                g.writeStringProperty("type", "end");
                g.writeEndObject();
            });
        } catch (IOException e) {
            log.debug("a port connection broke", e);
            socket.close(1011, "the connection inside the VM broke");
        }
    }
}
