package dev.tinyvm.tests;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A world outside of the host: a network namespace of the test's own behind a veth pair, with a server at two addresses. Nothing leaves the machine: the namespace has no route but
 * to the host's end. The addresses are public ones, as no rule opens special ones by a name, that nobody announces (25.0.0.0/8); the host has a route to eight of them for as long as the test runs.
 */
final class Outside implements AutoCloseable {
    /** Answers HTTP with who asked. */
    static final int WEB = 8080;

    /** Sends back what it is sent. */
    static final int ECHO = 7000;

    private static final String SERVER = """
            import http.server, socket, sys, threading
            class Web(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    body = ("hello " + self.client_address[0] + "\\n").encode()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                def log_message(self, *arguments):
                    pass
            def echo(peer):
                with peer:
                    try:
                        while (data := peer.recv(4096)):
                            peer.sendall(data)
                    except OSError:
                        pass
            def accept(listener):
                while True:
                    peer, _ = listener.accept()
                    threading.Thread(target=echo, args=(peer,), daemon=True).start()
            for address in sys.argv[1:]:
                web = http.server.ThreadingHTTPServer((address, %d), Web)
                threading.Thread(target=web.serve_forever, daemon=True).start()
                threading.Thread(target=accept, args=(socket.create_server((address, %d)),), daemon=True).start()
            print("ready", flush=True)
            threading.Event().wait()
            """.formatted(WEB, ECHO);

    private final List<Process> processes = new ArrayList<>();
    private final String link;
    final String host;
    final String first;
    final String second;

    Outside() throws IOException, InterruptedException {
        long pid = ProcessHandle.current().pid();
        String base = "25." + pid / 256 % 256 + "." + pid % 256 + ".";
        host = base + 1;
        first = base + 2;
        second = base + 3;
        link = "tvt" + pid;
        Process holder = new ProcessBuilder("unshare", "-n", "sleep", "infinity").start();
        processes.add(holder);
        try {
            Path own = Files.readSymbolicLink(Path.of("/proc/self/ns/net"));
            Path there = Path.of("/proc", Long.toString(holder.pid()), "ns/net");
            Product.eventually(() -> "a network namespace", () -> {
                try {
                    return !Files.readSymbolicLink(there).equals(own);
                } catch (IOException e) {
                    return false;
                }
            });
            ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", Long.toString(holder.pid()));
            ip("addr", "add", host + "/29", "dev", link);
            ip("link", "set", link, "up");
            for (String address : List.of(first, second)) {
                inside(holder, "ip", "addr", "add", address + "/29", "dev", "eth0");
            }
            inside(holder, "ip", "link", "set", "eth0", "up");
            Process server = new ProcessBuilder("nsenter", "--net=" + there, "python3", "-c", SERVER, first, second)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            processes.add(server);
            try (BufferedReader said = server.inputReader(StandardCharsets.US_ASCII)) {
                if (!"ready".equals(said.readLine())) {
                    throw new AssertionError("the server outside did not start");
                }
            }
        } catch (IOException | InterruptedException | AssertionError e) {
            close();
            throw e;
        }
    }

    static String url(String host) {
        return "http://" + host + ":" + WEB + "/";
    }

    private static void ip(String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("ip"));
        command.addAll(List.of(words));
        Shell.run(Path.of("/"), command.toArray(String[]::new)).expectSuccess();
    }

    private static void inside(Process holder, String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("nsenter", "--net=/proc/" + holder.pid() + "/ns/net"));
        command.addAll(List.of(words));
        Shell.run(Path.of("/"), command.toArray(String[]::new)).expectSuccess();
    }

    @Override
    public void close() throws IOException {
        try {
            for (Process process : processes) {
                process.destroyForcibly().waitFor();
            }
            Shell.run(Path.of("/"), "ip", "link", "del", link);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the world outside ended", e);
        }
    }
}
