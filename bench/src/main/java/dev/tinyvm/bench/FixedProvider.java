package dev.tinyvm.bench;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * A provider that answers with fixed words as fast as it can, so that what is measured is the gateway. Its streams carry in each chunk when it was sent, by {@link System#nanoTime}: client and provider are one process.
 *
 * <p>The model's name in the request says what is wanted: {@code plain}, or {@code stream-CHUNKS-MICROS}.
 */
final class FixedProvider implements Closeable {
    private static final int BACKLOG = 2048;
    private static final byte[] PLAIN =
            ("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":"
                            + "{\"role\":\"assistant\",\"content\":\"Hello there\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12}}")
                    .getBytes(StandardCharsets.US_ASCII);
    private static final byte[] PLAIN_HEAD = ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                    + PLAIN.length + "\r\n\r\n")
            .getBytes(StandardCharsets.US_ASCII);
    private static final byte[] STREAM_HEAD =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                    .getBytes(StandardCharsets.US_ASCII);

    private final ServerSocket server = new ServerSocket();
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

    FixedProvider() throws IOException {
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), BACKLOG);
        Thread.ofVirtual().name("provider").start(this::accept);
    }

    int port() {
        return server.getLocalPort();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                socket.setTcpNoDelay(true);
                sockets.add(socket);
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException e) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (socket;
                InputStream in = new BufferedInputStream(socket.getInputStream(), 4096)) {
            OutputStream out = socket.getOutputStream();
            byte[] answer = new byte[PLAIN_HEAD.length + PLAIN.length];
            System.arraycopy(PLAIN_HEAD, 0, answer, 0, PLAIN_HEAD.length);
            System.arraycopy(PLAIN, 0, answer, PLAIN_HEAD.length, PLAIN.length);
            String body = GatewayWire.request(in);
            while (body != null) {
                int at = body.indexOf("stream-");
                if (at < 0) {
                    out.write(answer);
                } else {
                    String[] wish = body.substring(at, body.indexOf('"', at)).split("-", -1);
                    stream(out, Integer.parseInt(wish[1]), Long.parseLong(wish[2]));
                }
                body = GatewayWire.request(in);
            }
        } catch (IOException e) {
            // The gateway closed it.
        } finally {
            sockets.remove(socket);
        }
    }

    private static void stream(OutputStream out, int chunks, long micros) throws IOException {
        out.write(STREAM_HEAD);
        long next = System.nanoTime();
        for (int i = 0; i < chunks; i++) {
            out.write(chunk(
                    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":"
                            + "[{\"index\":0,\"delta\":{\"content\":\"@" + System.nanoTime()
                            + "@\"},\"finish_reason\":null}],\"usage\":null}\n\n"));
            next += micros * 1000;
            for (long left = next - System.nanoTime(); left > 0; left = next - System.nanoTime()) {
                LockSupport.parkNanos(left);
            }
        }
        out.write(chunk(
                "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":"
                        + "{\"prompt_tokens\":10,\"completion_tokens\":" + chunks + "}}\n\ndata: [DONE]\n\n"));
        out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    }

    private static byte[] chunk(String text) {
        return (Integer.toHexString(text.length()) + "\r\n" + text + "\r\n").getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket socket : sockets) {
            socket.close();
        }
    }
}
