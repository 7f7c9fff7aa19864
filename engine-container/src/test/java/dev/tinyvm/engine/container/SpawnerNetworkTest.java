package dev.tinyvm.engine.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.RoutedInterface;
import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.engine.RoutedRule.PortRange;
import dev.tinyvm.engine.RoutedRule.Protocol;
import dev.tinyvm.engine.RoutedStats;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import dev.tinyvm.spec.Cidr;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What goes over the wire for a routed interface, and what becomes of the spawner's answers. */
class SpawnerNetworkTest {
    private static final int PING = 0x01;
    private static final int ATTACH = 0x15;
    private static final int DETACH = 0x16;
    private static final int RULES = 0x17;
    private static final int STATS = 0x18;
    private static final List<RoutedRule> LIST = List.of(
            new RoutedRule(
                    false,
                    Cidr.parse("10.1.2.0/24"),
                    List.of(new PortRange(80, 80), new PortRange(8000, 8080)),
                    Protocol.TCP),
            new RoutedRule(true, Cidr.parse("fd00::/8"), List.of(), Protocol.TCP_AND_UDP));

    private final FakeSpawner spawner = new FakeSpawner();
    private final SpawnerClient client = new SpawnerClient(spawner.socket(), new SpawnerClientTest.Ignore());
    private final SpawnerNetwork network = new SpawnerNetwork(client);

    @AfterEach
    void close() {
        client.close();
        spawner.close();
    }

    @Test
    void attachingSendsTheListAndTellsWhatTheInterfaceIs() throws Exception {
        CompletableFuture<RoutedInterface> attached = asked(() -> network.attach("vm", LIST));
        answerPing("routed", "connect-filter");
        FakeSpawner.Request request = spawner.expect(ATTACH);
        assertThat(request.payload().str()).isEqualTo("vm");
        expectList(request.payload());
        request.ok(made("100.118.0.3/31"));
        assertThat(attached.get(60, TimeUnit.SECONDS))
                .isEqualTo(new RoutedInterface("eth0", "100.118.0.3/31", "100.118.0.2", true));
    }

    @Test
    void rulesThatAreChangedAreSentWhole() throws Exception {
        CompletableFuture<Boolean> changed = done(() -> network.setRules("vm", LIST));
        FakeSpawner.Request request = spawner.expect(RULES);
        assertThat(request.payload().str()).isEqualTo("vm");
        expectList(request.payload());
        request.ok();
        assertThat(changed.get(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void countersAreThoseOfAnInterfaceThatIsThere() throws Exception {
        CompletableFuture<Optional<RoutedStats>> none = asked(() -> network.stats("vm"));
        spawner.expect(STATS).ok(counters(false, 0));
        assertThat(none.get(60, TimeUnit.SECONDS)).isEmpty();
        CompletableFuture<Optional<RoutedStats>> some = asked(() -> network.stats("vm"));
        spawner.expect(STATS).ok(counters(true, 7));
        assertThat(some.get(60, TimeUnit.SECONDS)).contains(new RoutedStats(7, 8, 9, 10, 11));
    }

    @Test
    void anAttachmentOverWhichTheSpawnerDiesIsRemovedAndBegunAnew() throws Exception {
        CompletableFuture<RoutedInterface> attached = asked(() -> network.attach("vm", LIST));
        answerPing("routed", "connect-filter");
        spawner.expect(ATTACH);
        spawner.dropConnections();
        spawner.expect(DETACH).ok();
        spawner.expect(ATTACH).ok(made("100.118.0.5/31"));
        assertThat(attached.get(60, TimeUnit.SECONDS).address()).isEqualTo("100.118.0.5/31");
    }

    @Test
    void refusalsAreToldApart() throws Exception {
        expectCode(38, "probe-network", "nf_tables is missing", Code.UNAVAILABLE);
        expectCode(17, "attach", "it has one", Code.INVALID);
        expectCode(95, "attach", "runsc has its own network stack", Code.INVALID);
        expectCode(99, "pick-address", "none is free", Code.LIMIT);
        expectCode(3, "find", "it has ended", Code.GONE);
        expectCode(2, "find-interface", "it has none", Code.NOT_FOUND);
    }

    @Test
    void aListThatIsTooLongIsRefusedBeforeItIsSent() {
        List<RoutedRule> many = java.util.Collections.nCopies(RoutedRule.MOST_RULES + 1, LIST.getFirst());
        assertThatThrownBy(() -> network.setRules("vm", many))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.LIMIT))
                .hasMessageContaining("1025 rules");
    }

    @Test
    void aHostWithoutIsSaidBeforeAnythingIsTried() throws Exception {
        CompletableFuture<RoutedInterface> attached = asked(() -> network.attach("vm", LIST));
        answerPing("routed-missing:nf_tables is missing: modprobe nf_tables");
        assertThatThrownBy(() -> attached.get(60, TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.UNAVAILABLE))
                .hasMessageContaining("nf_tables is missing: modprobe nf_tables");
    }

    @Test
    void whatIsMissingIsTakenFromTheFeatures() {
        assertThat(NetworkOffer.of(List.of("routed", "connect-filter")).words())
                .isEqualTo("routed interfaces with connect filter");
        NetworkOffer noFilter = NetworkOffer.of(List.of("routed", "connect-filter-missing: no BPF"));
        assertThat(noFilter.words()).isEqualTo("routed interfaces without connect filter");
        assertThat(noFilter.connectFilterMissing()).isEqualTo("no BPF");
        assertThat(NetworkOffer.of(List.of()).routedMissing()).contains("one version");
    }

    private void answerPing(String... features) throws InterruptedException {
        spawner.expect(PING)
                .ok(new FrameWriter(SpawnerRequest.OK, 0)
                        .u16(1)
                        .u8(1)
                        .str("tmpfs")
                        .u32(1)
                        .strings(List.of(features)));
    }

    private void expectCode(int errno, String step, String message, Code code) throws InterruptedException {
        CompletableFuture<RoutedInterface> attached = asked(() -> network.attach("vm", List.of()));
        answerPing("routed");
        spawner.expect(ATTACH).error(errno, step, message);
        assertThatThrownBy(() -> attached.get(60, TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(EngineException.class, e -> {
                    assertThat(e.code()).isEqualTo(code);
                    assertThat(e).hasMessageContaining(message);
                });
    }

    private static void expectList(PayloadReader payload) throws WireException {
        assertThat(payload.u32()).as("rules").isEqualTo(2);
        assertThat(payload.u8()).as("deny").isZero();
        assertThat(payload.u8()).as("family").isEqualTo(4);
        assertThat(payload.u64()).isZero();
        assertThat(payload.u64()).isEqualTo(0x0a010200L);
        assertThat(payload.u8()).as("prefix").isEqualTo(24);
        assertThat(payload.u32()).as("ranges of ports").isEqualTo(2);
        assertThat(payload.u16()).isEqualTo(80);
        assertThat(payload.u16()).isEqualTo(80);
        assertThat(payload.u16()).isEqualTo(8000);
        assertThat(payload.u16()).isEqualTo(8080);
        assertThat(payload.u8()).as("TCP").isEqualTo(1);
        assertThat(payload.u8()).as("deny").isEqualTo(1);
        assertThat(payload.u8()).as("family").isEqualTo(6);
        assertThat(payload.u64()).isEqualTo(0xfd00L << 48);
        assertThat(payload.u64()).isZero();
        assertThat(payload.u8()).as("prefix").isEqualTo(8);
        assertThat(payload.u32()).as("all ports").isZero();
        assertThat(payload.u8()).as("both").isEqualTo(3);
        payload.finish();
    }

    private static FrameWriter made(String address) {
        return new FrameWriter(SpawnerRequest.OK, 0)
                .str("eth0")
                .str(address)
                .str("100.118.0.2")
                .bool(true);
    }

    private static FrameWriter counters(boolean attached, long from) {
        FrameWriter frame = new FrameWriter(SpawnerRequest.OK, 0).bool(attached);
        for (int i = 0; i < 5; i++) {
            frame.u64(from == 0 ? 0 : from + i);
        }
        return frame;
    }

    private static CompletableFuture<Boolean> done(Runnable request) {
        return asked(() -> {
            request.run();
            return true;
        });
    }

    private static <T> CompletableFuture<T> asked(Supplier<T> request) {
        return CompletableFuture.supplyAsync(request, Thread::startVirtualThread);
    }
}
