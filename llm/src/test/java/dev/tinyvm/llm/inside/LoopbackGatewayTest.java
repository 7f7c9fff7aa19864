package dev.tinyvm.llm.inside;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.FakeEngine;
import dev.tinyvm.engine.FakeHost;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerTime;
import dev.tinyvm.llm.ConfiguredLimits;
import dev.tinyvm.llm.Gateway;
import dev.tinyvm.llm.GatewayConfig;
import dev.tinyvm.llm.Glob;
import dev.tinyvm.llm.KeySource;
import dev.tinyvm.llm.Provider;
import dev.tinyvm.llm.Route;
import dev.tinyvm.llm.Spending;
import dev.tinyvm.llm.TapeSource;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.manager.HostManager;
import dev.tinyvm.manager.ImageCatalog;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.ManagerSettings;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.Llm;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.Metadata;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The gateway inside Tiny VMs, with a real manager over a host in memory. */
class LoopbackGatewayTest {
    private static final Duration THINKING = Duration.ofSeconds(1);
    private static final ImageCatalog.ImageInfo HOST =
            new ImageCatalog.ImageInfo("host", "host", "user", Map.of(), "", List.of(), Optional.empty());

    @TempDir
    Path data;

    private final FakeHost host = new FakeHost();
    private ScriptedProvider provider;
    private Gateway gateway;
    private Ledger ledger;
    private HostManager manager;

    @BeforeEach
    void open() throws IOException {
        provider = new ScriptedProvider(List.of(new Turn.Text("hello from outside")), THINKING, Duration.ZERO);
        Provider main = new Provider(
                "main",
                List.of(Dialect.OPENAI),
                true,
                URI.create(provider.url()),
                KeySource.NONE,
                Headers.none(),
                Provider.Timeouts.DEFAULT,
                Provider.Retry.DEFAULT,
                64);
        CompletableFuture<dev.tinyvm.manager.Manager> made = new CompletableFuture<>();
        WaitSignals waits = new WaitSignals();
        gateway = new Gateway(
                GatewayConfig.of(
                        List.of(main),
                        List.of(new Route(new Glob("*"), List.of(new Route.Target("main", "")))),
                        List.of()),
                new ConfiguredLimits(List.of(), new DescriptorLimits(made::join)),
                new Spending(),
                call -> {},
                waits,
                TapeSource.NONE);
        ledger = Ledger.open(
                data.resolve("ledger.db"),
                ManagerConfig.Ledger.DEFAULT.prices(),
                ManagerConfig.Ledger.DEFAULT.linesKept(),
                LedgerTime.SYSTEM);
        manager = HostManager.open(
                ManagerSettings.of(ManagerConfig.DEFAULT, "test"),
                data,
                Map.of(EngineKind.CONTAINER, new FakeEngine(host)),
                new ImageCatalog() {
                    @Override
                    public Optional<ImageInfo> find(String reference) {
                        return Optional.of(HOST);
                    }

                    @Override
                    public List<ImageInfo> list() {
                        return List.of(HOST);
                    }
                },
                List.of(new LoopbackGateway(gateway)),
                ledger,
                Clock.systemUTC());
        made.complete(manager);
        waits.tell(manager.activity());
    }

    @AfterEach
    void close() throws IOException {
        manager.shutdown(true);
        gateway.close();
        manager.close();
        ledger.close();
        provider.close();
    }

    @Test
    void aCallFromInsideIsAnsweredAndItsTinyVmIsFrozenMeanwhile() throws Exception {
        String vm = create(Llm.DEFAULT);
        try (GuestConnection connection = host.vm(vm).ports().connectFromInside(LoopbackGateway.PORT)) {
            for (int i = 1; i <= 2; i++) {
                ask(connection, "any");
                await(() -> manager.vm(vm).state() == VmState.WAITING);
                assertThat(host.vm(vm).frozen()).isTrue();
                assertThat(answer(connection)).contains("hello from outside");
                assertThat(host.vm(vm).frozen()).isFalse();
                assertThat(manager.vm(vm).state()).isEqualTo(VmState.RUNNING);
                assertThat(manager.vm(vm).use().waits()).isEqualTo(i);
            }
        }
        assertThat(provider.seen())
                .allSatisfy(seen ->
                        assertThat(seen.headers().first("Authorization")).isEmpty());
    }

    @Test
    void aClientThatLeavesWhileItWaitsIsForgotten() throws Exception {
        String vm = create(Llm.DEFAULT);
        GuestConnection connection = host.vm(vm).ports().connectFromInside(LoopbackGateway.PORT);
        ask(connection, "any");
        await(() -> manager.vm(vm).state() == VmState.WAITING);
        connection.close();
        await(() -> manager.vm(vm).state() == VmState.RUNNING);
    }

    @Test
    void theVariablesLeadToItUnlessTheDescriptorSetsThem() {
        String vm = create(Llm.DEFAULT);
        assertThat(host.vm(vm).runningProcesses().getFirst().env())
                .containsEntry("OPENAI_BASE_URL", "http://127.0.0.1:4000/v1")
                .containsEntry("OPENAI_API_KEY", LoopbackGateway.DUMMY_KEY)
                .containsEntry("ANTHROPIC_BASE_URL", "http://127.0.0.1:4000")
                .containsEntry("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:4000")
                .containsEntry("GEMINI_API_KEY", "mine");
    }

    @Test
    void theDescriptorsModelsAndBudgetHold() throws Exception {
        String vm = create(new Llm(
                List.of("small-*"),
                new Llm.Budget(OptionalLong.empty(), OptionalLong.empty(), OptionalLong.of(1)),
                OptionalLong.empty(),
                OptionalLong.empty()));
        try (GuestConnection connection = host.vm(vm).ports().connectFromInside(LoopbackGateway.PORT)) {
            ask(connection, "large");
            assertThat(answer(connection)).contains("may not use the model 'large'");
            ask(connection, "small-1");
            assertThat(answer(connection)).contains("hello from outside");
            ask(connection, "small-1");
            assertThat(answer(connection)).contains("insufficient_quota");
        }
    }

    @Test
    void whereNoModelIsAllowedNothingIsOffered() {
        String vm = create(new Llm(List.of(), Llm.Budget.NONE, OptionalLong.empty(), OptionalLong.empty()));
        assertThat(host.vm(vm).runningProcesses().getFirst().env()).doesNotContainKey("OPENAI_BASE_URL");
        org.assertj.core.api.Assertions.assertThatThrownBy(
                        () -> host.vm(vm).ports().connectFromInside(LoopbackGateway.PORT))
                .isInstanceOf(dev.tinyvm.engine.EngineException.class);
    }

    private String create(Llm llm) {
        AgentSpec spec = AgentSpec.of("host")
                .change()
                .command(List.of("sleep", "1000"))
                .env(Map.of("GEMINI_API_KEY", "mine"))
                .llm(llm)
                .build();
        return manager.create(CreateRequest.of(new Agent(new Metadata("", Map.of()), spec)))
                .id();
    }

    private static void ask(GuestConnection connection, String model) throws IOException {
        String body =
                "{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":5}";
        connection
                .output()
                .write(("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:4000\r\nAuthorization: Bearer tinyvm\r\n"
                                + "Content-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n"
                                + body)
                        .getBytes(StandardCharsets.UTF_8));
    }

    /** Head and body of one answer that has a Content-Length. */
    private static String answer(GuestConnection connection) throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int next = connection.input().read();
            if (next < 0) {
                throw new IOException("the gateway hung up: " + head);
            }
            head.append((char) next);
        }
        String lower = head.toString().toLowerCase(java.util.Locale.ROOT);
        int at = lower.indexOf("content-length: ") + "content-length: ".length();
        int length = Integer.parseInt(lower.substring(at, lower.indexOf('\r', at)));
        return head + new String(connection.input().readNBytes(length), StandardCharsets.UTF_8);
    }

    private static void await(java.util.function.BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("it did not come to pass in 60 s");
            }
            Thread.sleep(2);
        }
    }
}
