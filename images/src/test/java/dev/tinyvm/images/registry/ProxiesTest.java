package dev.tinyvm.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/** Which proxy is used for what. */
class ProxiesTest {
    @Test
    void eachSchemeHasItsProxyAndThisMachineNone() {
        Proxies proxies = Proxies.of(Map.of("HTTPS_PROXY", "http://p.example:3128", "http_proxy", "q.example:8080"));
        assertThat(proxy(proxies, "https://x.io/")).isEqualTo("p.example:3128");
        assertThat(proxy(proxies, "http://x.io/")).isEqualTo("q.example:8080");
        for (String local : List.of("http://localhost:5000/", "http://127.0.0.1:5000/", "http://[::1]:5000/")) {
            assertThat(proxy(proxies, local)).as(local).isEmpty();
        }
    }

    @Test
    void exceptionsAreObeyed() {
        Proxies proxies =
                Proxies.of(Map.of("https_proxy", "http://p:1", "NO_PROXY", "x.io, .y.io,*.z.io,port.io:8443"));
        for (String direct : List.of(
                "https://x.io/", "https://a.x.io/", "https://b.y.io/", "https://c.z.io/", "https://port.io:8443/")) {
            assertThat(proxy(proxies, direct)).as(direct).isEmpty();
        }
        for (String through : List.of("https://xx.io/", "https://x.io.example/", "https://port.io:443/")) {
            assertThat(proxy(proxies, through)).as(through).isEqualTo("p:1");
        }
        assertThat(proxy(Proxies.of(Map.of("https_proxy", "http://p:1", "no_proxy", "*")), "https://x.io/"))
                .isEmpty();
    }

    @Test
    void aProxysAddressThatIsNoneIsRefusedWithoutSayingIt() {
        for (String bad : List.of("http://", "ftp://p:1", "http://u:secret@", "::: secret", "socks5://p:1")) {
            assertThatThrownBy(() -> Proxies.of(Map.of("https_proxy", bad)))
                    .as(bad)
                    .hasMessageContaining("HTTPS_PROXY")
                    .hasMessageNotContaining("secret");
        }
    }

    @Test
    void aTunnelIsAskedForWithTheProxysPassword() throws Exception {
        List<String> heard = new CopyOnWriteArrayList<>();
        try (ServerSocket proxy = new ServerSocket(0, 5, InetAddress.ofLiteral("127.0.0.1"))) {
            Thread.ofVirtual().start(() -> refuseTunnels(proxy, heard));
            RegistryOptions options = new RegistryOptions(
                    registry -> Credentials.ANONYMOUS,
                    Map.of("https_proxy", "http://u:p%2Bq@127.0.0.1:" + proxy.getLocalPort()),
                    1,
                    Duration.ofMillis(1),
                    Duration.ofMillis(1),
                    Duration.ofSeconds(30),
                    1);
            try (RegistryClient client = new RegistryClient(options)) {
                assertThatThrownBy(() -> client.manifest(Reference.parse("registry.invalid/app:1")))
                        .isInstanceOf(RegistryException.class);
            }
        }
        assertThat(heard.getFirst()).isEqualTo("CONNECT registry.invalid:443 HTTP/1.1");
        assertThat(heard).anyMatch(line -> line.equalsIgnoreCase("Proxy-Authorization: Basic dTpwK3E="));
    }

    private static void refuseTunnels(ServerSocket proxy, List<String> heard) {
        while (true) {
            try (Socket socket = proxy.accept()) {
                BufferedReader in =
                        new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
                String line = in.readLine();
                while (line != null && !line.isEmpty()) {
                    heard.add(line);
                    line = in.readLine();
                }
                socket.getOutputStream()
                        .write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
                                .getBytes(StandardCharsets.ISO_8859_1));
            } catch (IOException e) {
                return;
            }
        }
    }

    private static String proxy(Proxies proxies, String uri) {
        Proxy proxy = proxies.select(URI.create(uri)).getFirst();
        return proxy.address() instanceof InetSocketAddress address
                ? address.getHostString() + ":" + address.getPort()
                : "";
    }
}
