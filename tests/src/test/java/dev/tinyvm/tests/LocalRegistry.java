package dev.tinyvm.tests;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** Debian's docker-registry on a free port of 127.0.0.1, with what it says about requests. */
final class LocalRegistry implements AutoCloseable {
    /** Of its access log, in Apache's combined form. */
    private static final Pattern REQUEST =
            Pattern.compile("\"([A-Z]+) (/v2/\\S*) HTTP/1\\.1\" (\\d+) (\\d+) \"[^\"]*\" \"([^\"]*)\"");

    private final Process process;
    private final Path log;
    private final String address;

    /** One request. @param bytes of the answer's body, as far as one was sent @param agent the client's own word for itself */
    record Request(String method, String path, int status, long bytes, String agent) {}

    private LocalRegistry(Process process, Path log, String address) {
        this.process = process;
        this.log = log;
        this.address = address;
    }

    /** Starts one. @param directory for its data and log */
    static LocalRegistry start(Path directory) throws IOException, InterruptedException {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
            port = free.getLocalPort();
        }
        String address = "127.0.0.1:" + port;
        Path config = Files.writeString(
                directory.resolve("registry.yml"),
                "version: 0.1\nlog: {level: error, accesslog: {disabled: false}}\nstorage: {filesystem: {rootdirectory: "
                        + directory.resolve("registry") + "}}\nhttp: {addr: '" + address + "'}\n");
        Path log = directory.resolve("registry.log");
        Process process = new ProcessBuilder("docker-registry", "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        LocalRegistry registry = new LocalRegistry(process, log, address);
        Product.eventually(() -> "docker-registry listens at " + address, () -> answers(port));
        return registry;
    }

    /** Such as {@code 127.0.0.1:5000}. */
    String address() {
        return address;
    }

    /** What it has answered so far to a client. */
    List<Request> requestsOf(String agent) throws IOException {
        return REQUEST.matcher(Files.readString(log))
                .results()
                .map(m -> new Request(
                        m.group(1), m.group(2), Integer.parseInt(m.group(3)), Long.parseLong(m.group(4)), m.group(5)))
                .filter(request -> request.agent().startsWith(agent))
                .toList();
    }

    private static boolean answers(int port) {
        try (Socket socket = new Socket(InetAddress.ofLiteral("127.0.0.1"), port)) {
            return socket.isConnected();
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void close() throws IOException {
        process.destroy();
        try {
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the registry ended", e);
        }
    }
}
