package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Beyond the loopback: only through the proxy that the environment names, with TLS by the host. A real TLS server, and a proxy with an allow-list. */
class HttpsTest extends WasmFixture {
    private static final char[] PASSWORD = "changeit".toCharArray();
    private static final int PROXY = 3128;

    @TempDir
    static Path keys;

    private static KeyStore store;
    private SSLServerSocket server;

    @BeforeAll
    static void makeACertificate() throws Exception {
        Path file = keys.resolve("server.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-alias",
                        "server",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=allowed.test",
                        "-ext",
                        "SAN=dns:allowed.test",
                        "-storetype",
                        "PKCS12",
                        "-storepass",
                        "changeit",
                        "-keystore",
                        file.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(keytool.waitFor()).as(said).isZero();
        store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            store.load(in, PASSWORD);
        }
    }

    @BeforeEach
    void serve() throws Exception {
        KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        own.init(store, PASSWORD);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.getKeyManagers(), null, null);
        server = (SSLServerSocket)
                context.getServerSocketFactory().createServerSocket(0, 10, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(() -> {
            try {
                while (true) {
                    Socket one = server.accept();
                    Thread.startVirtualThread(() -> answer(one));
                }
            } catch (IOException e) {
                // Closed at the end of the test.
            }
        });
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    @Test
    void httpsGoesThroughTheTunnelOfTheProxyAndChecksTheCertificate() throws Exception {
        try (WasmEngine trusting = trusting()) {
            Machine machine = trusting.create(new MachineSpec("tls", "js", RESOURCES, List.of(), "tiny", "user"));
            machine.listen(PROXY, this::proxy);
            Result result = js(machine, """
                    const say = async (url) => { try { console.log(await (await fetch(url)).text()); } catch (e) { console.log(e.code, e.message); } };
                    await say('https://allowed.test/a?b');
                    await say('https://other.test/');
                    await say('https://denied.test/');
                    await say('http://allowed.test/plain');
                    """);
            assertThat(result.stderr()).isEmpty();
            assertThat(result.stdout().lines())
                    .satisfiesExactly(
                            l -> assertThat(l).isEqualTo("over TLS: GET /a?b HTTP/1.1"),
                            // The proxy leads there, too, but the certificate is for another name.
                            l -> assertThat(l).startsWith("EPROTO").contains("TLS failed"),
                            l -> assertThat(l)
                                    .startsWith("EACCES")
                                    .contains("403")
                                    .contains("not on the list"),
                            l -> assertThat(l).isEqualTo("proxied GET http://allowed.test/plain HTTP/1.1"));
        }
        Files.delete(work.resolve("trusting"));
    }

    @Test
    void aCertificateThatNobodySignedIsRefused() throws Exception {
        Machine machine = machine("js", RESOURCES);
        machine.listen(PROXY, this::proxy);
        assertThat(js(machine, "await fetch('https://allowed.test/').catch((e) => console.log(e.code, e.message))")
                        .stdout())
                .startsWith("EPROTO")
                .contains("TLS failed");
    }

    @Test
    void aProxyElsewhereIsRefused() throws Exception {
        Machine machine = machine("js", RESOURCES);
        for (String wrong :
                List.of("http://10.0.0.1:3128", "127.0.0.1:3128", "https://127.0.0.1:3128", "http://127.0.0.1")) {
            try (GuestProcess process = machine.exec(request(
                    Map.of("HTTPS_PROXY", wrong),
                    false,
                    "js",
                    "-e",
                    "await fetch('https://a.test/').catch((e) => console.log(e.code, e.message))"))) {
                assertThat(drain(process).stdout()).startsWith("EINVAL").contains("HTTPS_PROXY");
            }
        }
    }

    private WasmEngine trusting() throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("server", store.getCertificate("server"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return new WasmEngine(
                new WasmSettings(work.resolve("trusting"), cache, HEAP_BYTES, Optional.empty()).withTls(() -> context));
    }

    private static Result js(Machine machine, String code) throws InterruptedException {
        Map<String, String> env = Map.of("HTTPS_PROXY", "http://127.0.0.1:" + PROXY);
        try (GuestProcess process = machine.exec(request(env, false, "js", "-e", code))) {
            return drain(process);
        }
    }

    private void proxy(GuestConnection connection) {
        try (connection) {
            String line = head(connection.input());
            if (!line.startsWith("CONNECT ")) {
                String body = "proxied " + line;
                write(connection, "HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
            } else if (line.startsWith("CONNECT denied.test:443 ")) {
                write(connection, "HTTP/1.1 403 Forbidden\r\nContent-Length: 15\r\n\r\nnot on the list");
            } else {
                write(connection, "HTTP/1.1 200 OK\r\n\r\n");
                try (Socket upstream = new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort())) {
                    Thread up = Thread.startVirtualThread(() -> {
                        try {
                            connection.input().transferTo(upstream.getOutputStream());
                            upstream.shutdownOutput();
                        } catch (IOException e) {
                            // The guest has gone.
                        }
                    });
                    upstream.getInputStream().transferTo(connection.output());
                    connection.close();
                    up.join();
                }
            }
        } catch (IOException e) {
            // The guest has gone.
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void answer(Socket socket) {
        try (socket) {
            String body = "over TLS: " + head(socket.getInputStream());
            socket.getOutputStream()
                    .write(("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                            .getBytes(StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            // The client did not trust us.
        } catch (UncheckedIOException e) {
            throw new AssertionError(e);
        }
    }

    private static void write(GuestConnection connection, String text) throws IOException {
        connection.output().write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** The request's first line; its head is read to the end, byte by byte, so that nothing behind it is taken. */
    private static String head(InputStream in) throws IOException {
        StringBuilder all = new StringBuilder();
        while (all.indexOf("\r\n\r\n") < 0) {
            int next = in.read();
            if (next < 0) {
                throw new IOException("closed");
            }
            all.append((char) next);
        }
        return new BufferedReader(new InputStreamReader(
                        new java.io.ByteArrayInputStream(all.toString().getBytes(StandardCharsets.ISO_8859_1)),
                        StandardCharsets.ISO_8859_1))
                .readLine();
    }
}
