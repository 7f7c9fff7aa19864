package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.manager.Manager.VmStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoopbackServiceTest {
    @TempDir
    Path data;

    private Fixture fixture;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
        fixture.loopback.add(new Greeter());
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
        @Override
        public Map<String, String> environment(ServedVm vm) {
            return Map.of("GREETER", vm.name(), "MODE", "offered");
        }

        @Override
        public List<Port> ports(ServedVm vm) {
            return List.of(new Port(4000, connection -> greet(vm, connection)));
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
