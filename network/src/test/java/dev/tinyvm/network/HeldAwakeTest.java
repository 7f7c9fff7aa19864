package dev.tinyvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.FakeEngine;
import dev.tinyvm.engine.FakeHost;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerTime;
import dev.tinyvm.manager.HostManager;
import dev.tinyvm.manager.ImageCatalog;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.ManagerSettings;
import dev.tinyvm.manager.VmActivity.ModelCall;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.Metadata;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The proxy and a manager together: a Tiny VM that waits for a model is not frozen while something of it is under way through the proxy. */
class HeldAwakeTest {
    /** Many times as long as two looks take. */
    private static final Duration LONG = Duration.ofMillis(700);

    @TempDir
    Path data;

    private final CountDownLatch answer = new CountDownLatch(1);
    private final FakeHost host = new FakeHost();
    private RawServer server;
    private EgressProxy proxy;
    private Ledger ledger;
    private FakeEngine engine;
    private Manager manager;
    private String vm = "";

    @BeforeEach
    void open() throws Exception {
        server = new RawServer((self, socket) -> {
            while (self.head(socket) != null) {
                awaitQuietly(answer);
                RawServer.say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        });
        proxy = new EgressProxy(
                data.resolve("egress"),
                (name, timeout) -> List.of(InetAddress.getLoopbackAddress()),
                EgressLimits.DEFAULT,
                List.of(),
                EgressMeter.NONE);
        ManagerSettings settings = ManagerSettings.of(ManagerConfig.DEFAULT, "test");
        ledger = Ledger.open(
                data.resolve("ledger.db"),
                settings.ledger().prices(),
                settings.ledger().linesKept(),
                LedgerTime.SYSTEM);
        engine = new FakeEngine(host);
        manager = HostManager.open(
                settings,
                data,
                Map.of(EngineKind.CONTAINER, engine),
                new OneImage(),
                List.of(proxy),
                ledger,
                Clock.systemUTC());
        proxy.holdWith(id -> manager.activity().hold(id));
        AgentSpec spec = AgentSpec.of("host")
                .change()
                .command(List.of("sleep", "1000"))
                .network(new Network(List.of(
                        new Egress("api.example.org", "", List.of(server.port())),
                        new Egress("", "127.0.0.0/8", List.of(server.port())))))
                .build();
        vm = manager.create(Manager.CreateRequest.of(new Agent(new Metadata("", Map.of()), spec)))
                .id();
    }

    @AfterEach
    void close() throws Exception {
        manager.remove(vm);
        manager.close();
        engine.close();
        ledger.close();
        proxy.close();
        server.close();
    }

    @Test
    void anOpenTunnelHoldsItAwakeUntilItIsClosed() throws Exception {
        try (ModelCall _ = manager.activity().modelCall(vm)) {
            awaitState(VmState.WAITING);
        }
        awaitState(VmState.RUNNING);
        try (GuestConnection tunnel = host.vm(vm).ports().connectFromInside(EgressProxy.PORT)) {
            send(tunnel, "CONNECT api.example.org:" + server.port() + " HTTP/1.1\r\nHost: api.example.org\r\n\r\n");
            assertThat(line(tunnel)).startsWith("HTTP/1.1 200");
            try (ModelCall _ = manager.activity().modelCall(vm)) {
                staysAwake();
                tunnel.output().close();
                awaitState(VmState.WAITING);
            }
        }
    }

    @Test
    void anOpenRequestHoldsItAwakeUntilItIsAnswered() throws Exception {
        try (GuestConnection client = host.vm(vm).ports().connectFromInside(EgressProxy.PORT)) {
            send(
                    client,
                    "GET http://api.example.org:" + server.port() + "/ HTTP/1.1\r\nHost: api.example.org:"
                            + server.port() + "\r\n\r\n");
            ProxyFixture.eventually(() -> !server.heads.isEmpty(), "the request is there");
            try (ModelCall _ = manager.activity().modelCall(vm)) {
                staysAwake();
                answer.countDown();
                assertThat(line(client)).startsWith("HTTP/1.1 200");
                awaitState(VmState.WAITING);
            }
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void staysAwake() throws InterruptedException {
        int before = host.vm(vm).freezes();
        long end = System.nanoTime() + LONG.toNanos();
        while (System.nanoTime() < end) {
            assertThat(manager.vm(vm).state()).isEqualTo(VmState.RUNNING);
            Thread.sleep(10);
        }
        assertThat(host.vm(vm).freezes()).isEqualTo(before);
    }

    private void awaitState(VmState state) {
        ProxyFixture.eventually(() -> manager.vm(vm).state() == state, "it is " + state);
    }

    private static void send(GuestConnection connection, String text) throws Exception {
        connection.output().write(text.getBytes(StandardCharsets.US_ASCII));
        connection.output().flush();
    }

    private static String line(GuestConnection connection) throws Exception {
        StringBuilder text = new StringBuilder();
        for (int b = connection.input().read();
                b >= 0 && b != '\n';
                b = connection.input().read()) {
            text.append((char) b);
        }
        return text.toString();
    }

    private static final class OneImage implements ImageCatalog {
        private static final ImageInfo HOST =
                new ImageInfo("host", "host", "user", Map.of(), "", List.of(), Optional.empty());

        @Override
        public Optional<ImageInfo> find(String reference) {
            return reference.equals("host") ? Optional.of(HOST) : Optional.empty();
        }

        @Override
        public List<ImageInfo> list() {
            return List.of(HOST);
        }
    }
}
