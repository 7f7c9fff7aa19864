package dev.tinyvm.engine.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.ContractCommands;
import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineContract;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.Machine.MachineEnd;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The engine contract behind real walls, and what only this wall has. */
class ContainerEngineTest extends EngineContract {
    private static @Nullable SpawnerProcess spawner;
    private static @Nullable ContainerEngine engine;

    @BeforeAll
    static void startSpawner() {
        spawner = SpawnerProcess.start();
        engine = new ContainerEngine(spawner.socket());
    }

    @AfterAll
    static void stopSpawner() {
        if (engine != null) {
            engine.close();
        }
        if (spawner != null) {
            spawner.close();
        }
    }

    @Override
    protected Engine engine() {
        return container();
    }

    @Override
    protected Engine reopen() {
        container().close();
        engine = new ContainerEngine(spawner().socket());
        return container();
    }

    @Override
    protected ContractCommands commands() {
        return ContractCommands.LINUX;
    }

    @Override
    protected boolean hasTerminals() {
        return true;
    }

    @Override
    protected boolean hasRoutedInterfaces() {
        return true;
    }

    @Override
    protected void assertNothingLeft(String id) {
        assertThat(spawner().run().resolve("vms").resolve(id)).doesNotExist();
        assertThat(container().machines()).doesNotContain(id);
        try {
            assertThat(Files.readString(Path.of("/proc/mounts"))).doesNotContain("/" + id);
            try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
                assertThat(processes.filter(p -> inCgroupOf(p, id))).isEmpty();
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void availabilityNamesTheCgroups() {
        assertThat(engine().availability())
                .isInstanceOfSatisfying(
                        Engine.Availability.Available.class,
                        a -> assertThat(a.detail()).contains("cgroup"));
    }

    @Test
    void aVolumeOutsideOfTheAllowListIsRefusedWithItsPath() {
        assertThatThrownBy(() -> machine(List.of(new Volume("/root", "/data", true))))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.MOUNT))
                .hasMessageContaining("/root")
                .hasMessageContaining("volumes.hostPaths");
        assertThat(engine().machines()).isEmpty();
    }

    @Test
    void aVolumeIsSeenInsideAndWritable() throws Exception {
        Files.writeString(spawner().volume().resolve("hello"), "from outside");
        Machine machine = machine(List.of(new Volume(spawner().volume().toString(), "/data", false)));
        assertThat(run(machine, "cat", "/data/hello").stdout()).isEqualTo("from outside");
        Machine readOnly = machine(List.of(new Volume(spawner().volume().toString(), "/data", true)));
        assertThat(run(readOnly, "sh", "-c", "touch /data/x").status()).isNotZero();
    }

    @Test
    void anUnknownImageIsRefused() {
        String id = newId();
        MachineSpec spec = new MachineSpec(id, "no-such-image", RESOURCES, List.of(), "tiny", "user");
        assertThatThrownBy(() -> engine().create(spec))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.IMAGE))
                .hasMessageContaining("no-such-image");
        assertNothingLeft(id);
    }

    @Test
    void aGuestKilledFromOutsideIsLost() throws Exception {
        Machine machine = machine();
        ProcessHandle.of(machine.hostPid()).orElseThrow().destroyForcibly();
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.GUEST_LOST);
        assertThat(end(machine).detail()).contains("signal 9");
    }

    @Test
    void manyMachinesAreAdoptedAndSweptAtOnce() {
        List<String> ids = Stream.generate(this::newId).limit(80).toList();
        ids.forEach(id -> engine().create(spec(id, List.of())));
        List<String> wanted = ids.subList(0, 40);
        Engine.Adoption adoption = reopen().adopt(wanted);
        assertThat(adoption.machines()).extracting(Machine::id).containsExactlyInAnyOrderElementsOf(wanted);
        assertThat(adoption.removed()).containsExactlyInAnyOrderElementsOf(ids.subList(40, 80));
        assertThat(engine().machines()).containsExactlyInAnyOrderElementsOf(wanted);
    }

    @Test
    void aMemoryBombEndsItselfAndIsCounted() throws Exception {
        Machine machine = machine();
        Result bomb = run(machine, "python3", "-c", "x = bytearray(1 << 30)");
        assertThat(bomb.status()).isEqualTo(137);
        assertThat(machine.stats().oomKills()).isPositive();
        assertThat(run(machine, "true").status()).isZero();
    }

    @Test
    void killingTheSpawnerHarmsNoMachine() throws Exception {
        Machine machine = machine();
        spawner().server().destroyForcibly();
        assertThat(run(machine, "echo", "alive").stdout()).isEqualTo("alive\n");
        assertThat(machine.stats().memoryBytes()).isPositive();
        machine.freeze();
        machine.thaw();
        assertThat(run(machine(), "true").status()).isZero();
        machine.destroy();
        assertNothingLeft(machine.id());
    }

    @Test
    void aMachineThatIsAdoptedFrozenAnswersOnceThawed() throws Exception {
        Machine machine = machine();
        machine.freeze();
        Machine adopted = reopen().adopt(List.of(machine.id())).machines().getFirst();
        assertThat(adopted.stats().frozen()).isTrue();
        assertCode(Code.INVALID, adopted::processes, "frozen");
        adopted.thaw();
        assertThat(run(adopted, "echo", "awake").stdout()).isEqualTo("awake\n");
    }

    @Test
    void aSleeperIsIdleAndALoopIsBusyAlsoWhenItsLimitHoldsItBack() throws Exception {
        Machine machine = machine();
        machine.resize(new Resources(100, RESOURCES.memoryBytes(), RESOURCES.diskBytes(), RESOURCES.pids()));
        try (GuestProcess _ = machine.exec(ExecRequest.of("sleep", "1000"))) {
            await("it is idle", () -> idleFor(machine, 50));
            try (GuestProcess loop = machine.exec(ExecRequest.of("sh", "-c", "while :; do :; done"))) {
                await("the loop runs", () -> machine.pulse().busy());
                // Held back nine tenths of the time, and busy at each look.
                for (int i = 0; i < 50; i++) {
                    assertThat(machine.pulse().busy()).isTrue();
                    Thread.sleep(2);
                }
                loop.signal(9, true);
                await("it is idle again", () -> idleFor(machine, 50));
            }
        }
        machine.destroy();
        assertCode(Code.GONE, machine::pulse, machine.id());
    }

    private static boolean idleFor(Machine machine, int millis) {
        Machine.Pulse before = machine.pulse();
        java.util.concurrent.locks.LockSupport.parkNanos(millis * 1_000_000L);
        Machine.Pulse after = machine.pulse();
        return !before.busy() && !after.busy() && after.cpuNanos() == before.cpuNanos();
    }

    private static boolean inCgroupOf(Path process, String id) {
        try {
            return Files.readString(process.resolve("cgroup")).contains("/" + id);
        } catch (IOException e) {
            // No process, or it has just ended.
            return false;
        }
    }

    private static ContainerEngine container() {
        if (engine == null) {
            throw new AssertionError("the spawner was not started");
        }
        return engine;
    }

    private static SpawnerProcess spawner() {
        if (spawner == null) {
            throw new AssertionError("the spawner was not started");
        }
        return spawner;
    }
}
