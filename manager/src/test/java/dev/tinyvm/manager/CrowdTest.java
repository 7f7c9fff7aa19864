package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.VmQuery;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CrowdTest {
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
    void twoHundredCreatedAndRemovedAtOnceLeaveNothing() throws Exception {
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            int number = i;
            threads.add(Thread.startVirtualThread(() -> {
                try {
                    String[] command = number % 2 == 0 ? new String[0] : new String[] {"echo", "hello"};
                    VmStatus vm = fixture.create(Fixture.agent(
                            "vm" + number, Fixture.size(100, 4), Fixture.NO_RESTART, Optional.empty(), command));
                    if (number % 3 == 0 && vm.state() == VmState.RUNNING) {
                        fixture.manager.stop(vm.id());
                    }
                    fixture.manager.remove(vm.name());
                } catch (RuntimeException | AssertionError e) {
                    failures.add(e);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(failures).isEmpty();
        assertThat(fixture.manager.vms(VmQuery.ALL).items()).isEmpty();
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(fixture.manager.host().cpuMillisPromised()).isZero();
        assertThat(fixture.manager.host().memoryBytesPromised()).isZero();
        assertThat(fixture.manager.host().vmsPending()).isZero();
        try (var logs = Files.list(data.resolve("logs"))) {
            assertThat(logs).isEmpty();
        }
        assertThat(fixture.timing.alarms()).isZero();
        fixture.reopen();
        assertThat(fixture.manager.vms(VmQuery.ALL).items()).isEmpty();
        assertThat(fixture.events()).noneMatch(e -> e.type().equals("leftover.removed"));
    }

    @Test
    void theSameKeyFromManyAtOnceMakesOneTinyVm() throws Exception {
        CreateRequest request = new CreateRequest(
                Fixture.agent("", Fixture.NO_RESTART), "", "key", true, false, Map.of(), Optional.empty());
        ConcurrentLinkedQueue<String> ids = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            threads.add(Thread.startVirtualThread(
                    () -> ids.add(fixture.manager.create(request).id())));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(ids).hasSize(20);
        assertThat(ids.stream().distinct()).hasSize(1);
        assertThat(fixture.host.created()).isEqualTo(1);
    }

    @Test
    void aFloodIsLoggedWithinItsBoundsAndNobodyElseWaits() throws Exception {
        VmStatus flood = fixture.run("spam", "40000000");
        VmStatus neighbour = fixture.run();
        assertThat(fixture.exec(neighbour.id(), "echo", "well")).isEqualTo("well\n");
        VmStatus end = fixture.manager.awaitEnd(flood.id(), Fixture.PATIENCE);
        assertThat(end.reason()).isEqualTo("Completed");
        assertThat(fixture.log(flood.id()).getLast()).isEqualTo("%063d".formatted(40_000_000 / 64 - 1));
        try (var files = Files.list(data.resolve("logs").resolve(flood.id()))) {
            assertThat(files.mapToLong(f -> f.toFile().length()).sum()).isLessThan(18L << 20);
        }
    }

    @Test
    void aLogThatCannotBeWrittenHoldsUpItsOwnProcessOnly() throws Exception {
        fixture.host.program("talk", self -> {
            while (!self.vm().files().exists("/tmp/go")) {
                self.sleep(java.time.Duration.ofMillis(5));
            }
            self.out("said\n");
            return 0;
        });
        VmStatus vm = fixture.run("talk");
        Path log = data.resolve("logs").resolve(vm.id());
        Files.writeString(log, "in the way");
        fixture.exec(vm.id(), "touch", "/tmp/go");
        Fixture.eventually(() -> fixture.eventTypes(vm.id()).contains("log.stuck"), "it is told");
        assertThat(fixture.exec(fixture.run().id(), "echo", "well")).isEqualTo("well\n");
        Files.delete(log);
        assertThat(fixture.manager.awaitEnd(vm.id(), Fixture.PATIENCE).reason()).isEqualTo("Completed");
        assertThat(fixture.log(vm.id())).containsExactly("said");
    }
}
