package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.spec.Network;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoopbackServiceTest {
    @TempDir
    Path data;

    private final Greeter greeter = new Greeter();
    private Fixture fixture;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
        fixture.loopback.add(greeter);
        fixture.reopen();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aCommandInsideReachesItAndHasItsVariables() {
        VmStatus vm = fixture.run("sleep", "1000");
        assertThat(fixture.exec(vm.id(), "connect", "4000", "hello")).contains("hello from " + vm.name());
        assertThat(fixture.exec(vm.id(), "env").lines()).contains("GREETER=" + vm.name());
    }

    @Test
    void theDescriptorsOwnVariableWins() {
        VmStatus vm = fixture.run("sleep", "1000");
        assertThat(fixture.exec(vm.id(), "env").lines()).contains("MODE=fast").doesNotContain("MODE=offered");
    }

    @Test
    void theMainProcessHasItsVariables() {
        VmStatus vm = fixture.run("env");
        Fixture.eventually(() -> fixture.state(vm.id()).ended(), () -> "it ends");
        assertThat(fixture.log(vm.id())).contains("GREETER=" + vm.name());
    }

    @Test
    void theNextManagerOffersItAgain() {
        VmStatus vm = fixture.run("sleep", "1000");
        fixture.reopen();
        assertThat(fixture.exec(vm.id(), "connect", "4000", "hello")).contains("hello from " + vm.name());
    }

    @Test
    void aPausedOneGetsItWhenItIsResumedUnderTheNextManager() {
        VmStatus vm = fixture.run("sleep", "1000");
        fixture.manager.pause(vm.id());
        fixture.reopen();
        fixture.manager.resume(vm.id());
        assertThat(fixture.exec(vm.id(), "connect", "4000", "hello")).contains("hello from " + vm.name());
    }

    @Test
    void aChangedDescriptorIsToldAndOpensWhatItOffersNow() {
        VmStatus vm = fixture.run("sleep", "1000");
        Network network = new Network(List.of(new Network.Egress("example.org", "", List.of(4001))));
        fixture.manager.setNetwork(vm.id(), network);
        assertThat(fixture.exec(vm.id(), "connect", "4001", "hello")).contains("hello from " + vm.name());
        assertThat(fixture.eventTypes(vm.id())).contains("vm.network-changed");
        fixture.reopen();
        assertThat(fixture.manager.vm(vm.id()).descriptor().spec().network()).isEqualTo(network);
        assertThat(fixture.exec(vm.id(), "connect", "4001", "hello")).contains("hello from " + vm.name());
    }

    @Test
    void aPausedOneGetsWhatIsNewWhenItIsResumed() {
        VmStatus vm = fixture.run("sleep", "1000");
        fixture.manager.pause(vm.id());
        fixture.manager.setNetwork(vm.id(), new Network(List.of(new Network.Egress("example.org", "", List.of(4001)))));
        fixture.manager.resume(vm.id());
        assertThat(fixture.exec(vm.id(), "connect", "4001", "hello")).contains("hello from " + vm.name());
    }

    @Test
    void itIsToldWhenATinyVmIsGone() {
        VmStatus vm = fixture.run("sleep", "1000");
        fixture.manager.remove(vm.id());
        assertThat(greeter.removed).containsExactly(vm.id());
    }

    @Test
    void aPortThatAProcessInsideTookIsTold() throws Exception {
        VmStatus vm = fixture.run("sleep", "1000");
        fixture.closeManager();
        try (AutoCloseable thief = fixture.host.vm(vm.id()).ports().listenInside(4000, GuestConnection::close)) {
            assertThat(thief).isNotNull();
            fixture.openAgain();
            assertThat(fixture.eventTypes(vm.id())).contains("vm.offer-failed");
            assertThat(fixture.exec(vm.id(), "env")).contains("GREETER");
        }
    }

    private static final class Greeter implements LoopbackService {
        final List<String> removed = new CopyOnWriteArrayList<>();

        @Override
        public Map<String, String> environment(ServedVm vm) {
            return Map.of("GREETER", vm.name(), "MODE", "offered");
        }

        @Override
        public List<Port> ports(ServedVm vm) {
            return Stream.concat(
                            Stream.of(4000),
                            vm.spec().network().egress().stream().flatMap(r -> r.ports().stream()))
                    .map(number -> new Port(number, connection -> greet(vm, connection)))
                    .toList();
        }

        @Override
        public void removed(String vm) {
            removed.add(vm);
        }

        private static void greet(ServedVm vm, GuestConnection connection) {
            try {
                byte[] words = new byte[100];
                int length = connection.input().read(words);
                String heard = new String(words, 0, Math.max(length, 0), StandardCharsets.UTF_8).strip();
                connection.output().write((heard + " from " + vm.name() + "\n").getBytes(StandardCharsets.UTF_8));
                connection.output().close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
