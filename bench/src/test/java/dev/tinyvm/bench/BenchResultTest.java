package dev.tinyvm.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BenchResultTest {
    @Test
    void percentilesAreNearestRank() {
        long[] nanos = new long[100];
        for (int i = 0; i < 100; i++) {
            nanos[i] = (100 - i) * 1_000_000L;
        }
        Map<String, Object> figures = new LinkedHashMap<>();
        BenchResult.percentiles(figures, "", nanos);
        BenchResult.percentiles(figures, "thaw", new long[] {1500});
        assertThat(figures)
                .containsEntry("p50Millis", 50.0)
                .containsEntry("p90Millis", 90.0)
                .containsEntry("p99Millis", 99.0)
                .containsEntry("thawP50Millis", 0.002);
    }

    @Test
    void theObjectHasTheAgreedFields() {
        assertThat(new BenchResult("exec", 3, Map.of("p50Millis", 1.0), "m", "c").toMap())
                .containsOnlyKeys("bench", "n", "p50Millis", "machine", "command");
    }

    @Test
    void theWireReadsAnswersOfKnownLengthInChunksAndEmptyOverOneConnection() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            byte[] request = exchange.getRequestBody().readAllBytes();
            String path = exchange.getRequestURI().getPath();
            byte[] body = ("{\"id\":\"" + new String(request, StandardCharsets.UTF_8) + "\"}")
                    .getBytes(StandardCharsets.UTF_8);
            switch (path) {
                case "/empty" -> exchange.sendResponseHeaders(204, -1);
                case "/refused" -> {
                    exchange.sendResponseHeaders(409, body.length);
                    exchange.getResponseBody().write(body);
                }
                default -> {
                    exchange.sendResponseHeaders(200, path.equals("/chunked") ? 0 : body.length);
                    exchange.getResponseBody().write(body);
                }
            }
            exchange.close();
        });
        server.start();
        try (Wire wire = new Wire("http://127.0.0.1:" + server.getAddress().getPort(), "k")) {
            assertThat(wire.call("POST", "/plain", "one").field("id")).isEqualTo("one");
            assertThat(wire.call("POST", "/chunked", "two").field("id")).isEqualTo("two");
            assertThat(wire.call("DELETE", "/empty", "").body()).isEmpty();
            assertThatThrownBy(() -> wire.call("POST", "/refused", "x"))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("409");
            assertThat(wire.call("GET", "/plain", "").status()).isEqualTo(200);
        } finally {
            server.stop(0);
        }
    }
}
