package dev.tinyvm.e2b.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.e2b.DoorFixture;
import dev.tinyvm.e2b.DoorFixture.Answer;
import dev.tinyvm.e2b.DoorFixture.Opened;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PortProxyTest {
    private static final String DOMAIN = "tiny.test";

    @TempDir
    Path directory;

    private DoorFixture door;

    @BeforeEach
    void open() {
        door = new DoorFixture(directory, Clock.systemUTC(), DOMAIN + ":7443");
    }

    @AfterEach
    void close() {
        door.close();
    }

    @Test
    void aSandboxThatIsNotThereIsA502InE2bsWords() {
        Answer answer = door.send(door.request("/anything").header("E2b-Sandbox-Id", "iabcdefghij-client"));
        assertThat(answer.status()).isEqualTo(502);
        assertThat(answer.text())
                .isEqualTo("{\"sandboxId\":\"iabcdefghij\",\"message\":\"The sandbox was not found\",\"code\":502}");
    }

    @Test
    void aClosedPortIsA502AsJsonOrAsAPage() {
        Opened sandbox = door.create();
        Answer json = door.send(to(sandbox, 3000));
        assertThat(json.status()).isEqualTo(502);
        assertThat(json.json().path("message").asString()).isEqualTo("The sandbox is running but port is not open");
        assertThat(json.json().path("port").asInt()).isEqualTo(3000);
        Answer page = door.send(to(sandbox, 3000).header("User-Agent", "Mozilla/5.0"));
        assertThat(page.text()).contains("<title>Closed Port Error</title>");
    }

    @Test
    void theHostAloneNamesSandboxAndPort() throws IOException {
        Opened sandbox = door.create();
        String get = "GET /health HTTP/1.1\r\nConnection: close\r\nHost: ";
        assertThat(raw(get + "49983-" + sandbox.id() + "." + DOMAIN + ":7443\r\n\r\n"))
                .startsWith("HTTP/1.1 204");
        assertThat(raw(get + "49983-" + sandbox.id() + ".localhost\r\n\r\n")).startsWith("HTTP/1.1 204");
        assertThat(raw(get + "3000-" + sandbox.id() + "." + DOMAIN + "\r\n\r\n"))
                .startsWith("HTTP/1.1 502");
        assertThat(raw(get + "49983-" + sandbox.id() + ".elsewhere.test\r\n\r\n"))
                .startsWith("HTTP/1.1 404");
        assertThat(raw("GET /teams HTTP/1.1\r\nConnection: close\r\nX-API-KEY: " + DoorFixture.KEY + "\r\nHost: api."
                        + DOMAIN + "\r\n\r\n"))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void whatTheServerInsideSaysIsPassedOn() throws InterruptedException {
        Opened sandbox = door.create("{\"templateID\":\"base\",\"network\":{\"maskRequestHost\":\"masked:${PORT}\"}}");
        // The server inside repeats what it gets: the request comes back, so its first line is no answer of HTTP.
        door.manager.exec(sandbox.id(), dev.tinyvm.engine.ExecRequest.of("echo-server", "8080"));
        Answer answer = door.send(to(sandbox, 8080));
        long give = System.nanoTime() + 30_000_000_000L;
        while (answer.text().contains("port is not open") && System.nanoTime() < give) {
            Thread.sleep(10);
            answer = door.send(to(sandbox, 8080));
        }
        assertThat(answer.status()).isEqualTo(502);
        assertThat(answer.text()).contains("does not speak HTTP/1");
    }

    @Test
    void aSandboxThatIsNotPublicWantsItsTrafficToken() {
        Answer made = door.control(
                "POST", "/v2/sandboxes", "{\"templateID\":\"base\",\"network\":{\"allowPublicTraffic\":false}}");
        Opened sandbox = new Opened(made.json().path("sandboxID").asString(), "");
        String token = made.json().path("trafficAccessToken").asString();
        assertThat(door.send(to(sandbox, 8080)).status()).isEqualTo(403);
        assertThat(door.send(to(sandbox, 8080).header("e2b-traffic-access-token", token))
                        .status())
                .isEqualTo(502);
    }

    private java.net.http.HttpRequest.Builder to(Opened sandbox, int port) {
        return door.request("/path?q=1")
                .header("E2b-Sandbox-Id", sandbox.id())
                .header("E2b-Sandbox-Port", Integer.toString(port));
    }

    private String raw(String request) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), door.port());
                InputStream in = socket.getInputStream()) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
