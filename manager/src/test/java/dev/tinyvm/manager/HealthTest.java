package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.spec.Health;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Restart;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthTest {
    private static final Restart AGAIN = new Restart(
            Restart.Policy.ON_FAILURE,
            5,
            Duration.ofMinutes(10),
            Duration.ofSeconds(1),
            Duration.ofSeconds(1),
            OptionalLong.empty());

    /** The tests' time runs ahead of the probes', which a busy machine makes slow: only the test of the timeout has a short one. */
    private static final Duration UNHURRIED = Duration.ofDays(1);

    @TempDir
    Path data;

    private Fixture fixture;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aCommandThatFailsMakesItUnhealthyAndStartsItAgain() {
        VmStatus vm = create(new Health.Exec(List.of("test", "-f", "/tmp/ok")), Duration.ZERO);
        assertThat(vm.healthy()).isEmpty();
        fixture.exec(vm.id(), "touch", "/tmp/ok");
        await(vm, () -> fixture.manager.vm(vm.id()).healthy().equals(Optional.of(true)), "healthy");
        fixture.exec(vm.id(), "rm", "/tmp/ok");
        await(vm, () -> fixture.manager.vm(vm.id()).restarts() == 1, "restarted");
        fixture.host.program("test", self -> 0);
        await(
                vm,
                () -> fixture.state(vm.id()) == VmState.RUNNING
                        && fixture.manager.vm(vm.id()).healthy().equals(Optional.of(true)),
                "healthy again");
        assertThat(fixture.host.created()).isEqualTo(1);
        assertThat(fixture.eventTypes(vm.id())).contains("vm.unhealthy", "vm.restarting");
    }

    @Test
    void withoutARestartAnUnhealthyOneFails() {
        VmStatus vm = fixture.create(Fixture.agent(
                "",
                Resources.DEFAULT,
                Fixture.NO_RESTART,
                Optional.of(health(new Health.Tcp(80), UNHURRIED, Duration.ZERO)),
                "sleep",
                "1000"));
        await(vm, () -> fixture.state(vm.id()).ended(), "it ends");
        VmStatus end = fixture.manager.vm(vm.id());
        assertThat(end.state()).isEqualTo(VmState.FAILED);
        assertThat(end.reason()).isEqualTo("Unhealthy");
        assertThat(end.healthy()).contains(false);
        assertThat(end.message()).contains("80");
    }

    @Test
    void anOpenPortIsHealthy() throws Exception {
        VmStatus vm = create(new Health.Tcp(80), Duration.ZERO);
        try (AutoCloseable listener = fixture.host.vm(vm.id()).ports().listenInside(80, GuestConnection::close)) {
            assertThat(listener).isNotNull();
            await(vm, () -> fixture.manager.vm(vm.id()).healthy().equals(Optional.of(true)), "healthy");
        }
        await(vm, () -> fixture.manager.vm(vm.id()).restarts() == 1, "restarted");
    }

    @Test
    void theAnswerToAGetDecides() throws Exception {
        AtomicReference<String> answer = new AtomicReference<>("HTTP/1.1 204 No Content\r\n\r\n");
        AtomicReference<String> request = new AtomicReference<>("");
        VmStatus vm = create(new Health.Http(8080, "/ready?x=1"), Duration.ZERO);
        try (AutoCloseable listener = fixture.host.vm(vm.id()).ports().listenInside(8080, connection -> {
            try (connection) {
                byte[] bytes = new byte[1_000];
                request.set(
                        new String(bytes, 0, Math.max(0, connection.input().read(bytes)), StandardCharsets.US_ASCII));
                connection.output().write(answer.get().getBytes(StandardCharsets.US_ASCII));
                connection.output().close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        })) {
            assertThat(listener).isNotNull();
            await(vm, () -> fixture.manager.vm(vm.id()).healthy().equals(Optional.of(true)), "healthy");
            assertThat(request.get()).startsWith("GET /ready?x=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n");
            answer.set("HTTP/1.1 500 Oh no\r\n\r\n");
            await(vm, () -> fixture.manager.vm(vm.id()).restarts() == 1, "restarted");
            assertThat(fixture.events()).anySatisfy(e -> assertThat(e.message()).contains("status 500"));
            answer.set("SSH-2.0\r\n");
            await(vm, () -> fixture.manager.vm(vm.id()).restarts() == 2, "restarted again");
        }
    }

    @Test
    void aCheckThatHangsIsAFailure() {
        VmStatus vm = create(new Health.Exec(List.of("sleep", "1000")), Duration.ofMillis(500), Duration.ZERO);
        await(vm, () -> fixture.manager.vm(vm.id()).restarts() == 1, "restarted");
        assertThat(fixture.events()).anySatisfy(e -> assertThat(e.message()).contains("no answer within 500 ms"));
    }

    @Test
    void failuresInTheStartPeriodDoNotCount() {
        VmStatus vm = create(new Health.Tcp(80), Duration.ofSeconds(1_000));
        for (int i = 0; i < 50; i++) {
            fixture.timing.advance(Duration.ofSeconds(1));
        }
        assertThat(fixture.manager.vm(vm.id()).restarts()).isZero();
        assertThat(fixture.state(vm.id())).isEqualTo(VmState.RUNNING);
        fixture.timing.advance(Duration.ofSeconds(1_000));
        await(vm, () -> fixture.manager.vm(vm.id()).restarts() == 1, "restarted after the period");
    }

    @Test
    void aPausedOneIsNotChecked() {
        VmStatus vm = create(new Health.Tcp(80), Duration.ZERO);
        fixture.manager.pause(vm.id());
        for (int i = 0; i < 50; i++) {
            fixture.timing.advance(Duration.ofSeconds(1));
        }
        assertThat(fixture.state(vm.id())).isEqualTo(VmState.PAUSED);
        assertThat(fixture.manager.vm(vm.id()).restarts()).isZero();
    }

    private VmStatus create(Health.Check check, Duration startPeriod) {
        return create(check, UNHURRIED, startPeriod);
    }

    private VmStatus create(Health.Check check, Duration timeout, Duration startPeriod) {
        return fixture.create(Fixture.agent(
                "", Resources.DEFAULT, AGAIN, Optional.of(health(check, timeout, startPeriod)), "sleep", "1000"));
    }

    private static Health health(Health.Check check, Duration timeout, Duration startPeriod) {
        return new Health(check, Duration.ofSeconds(1), timeout, startPeriod, 2);
    }

    private void await(VmStatus vm, java.util.concurrent.Callable<Boolean> condition, String what) {
        Fixture.eventually(
                () -> {
                    fixture.timing.advance(Duration.ofMillis(100));
                    return condition.call();
                },
                () -> what + ": " + fixture.manager.vm(vm.id()));
    }
}
