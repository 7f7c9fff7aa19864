package dev.tinyvm.engine.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tinyvm.engine.ContractCommands;
import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineContract;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.Machine.MachineEnd;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.container.SpawnerProcess;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** The engine contract behind the walls of one OCI runtime, and what is the same for all of these. */
abstract class OciContract extends EngineContract {
    private static @Nullable SpawnerProcess spawner;
    private static @Nullable OciEngine engine;

    /** Starts a spawner with this runtime; the tests are skipped where the host has none that can be used. */
    static void start(OciRuntime runtime, List<String> options) {
        Path path = runtime.find().orElse(null);
        assumeTrue(path != null, runtime.program() + " is not installed: " + runtime.remedy());
        String problem = runtime.problem(runtime.version(path).orElse("?")).orElse("");
        assumeTrue(problem.isEmpty(), problem + ": " + runtime.remedy());
        List<String> all = Stream.concat(Stream.of("--runtime", runtime.program() + "=" + path), options.stream())
                .toList();
        spawner = SpawnerProcess.start(all);
        engine = new OciEngine(runtime, spawner.socket());
    }

    @AfterAll
    static void stop() {
        if (engine != null) {
            engine.close();
        }
        if (spawner != null) {
            spawner.close();
        }
        engine = null;
        spawner = null;
    }

    abstract OciRuntime runtime();

    @Override
    protected Engine engine() {
        if (engine == null) {
            throw new AssertionError("the spawner was not started");
        }
        return engine;
    }

    @Override
    protected Engine reopen() {
        engine().close();
        engine = new OciEngine(runtime(), spawner().socket());
        return engine();
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
        return runtime() != OciRuntime.RUNSC;
    }

    @Override
    protected void assertNothingLeft(String id) {
        assertThat(spawner().run().resolve("vms").resolve(id)).doesNotExist();
        assertThat(engine().machines()).doesNotContain(id);
        try {
            assertThat(Files.readString(Path.of("/proc/mounts"))).doesNotContain("/" + id);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void availabilityNamesTheRuntimesVersion() {
        assertThat(engine().availability())
                .isInstanceOfSatisfying(
                        Engine.Availability.Available.class,
                        a -> assertThat(a.detail()).contains(runtime().program() + " ", "cgroup"));
    }

    @Test
    void anotherEngineOfTheSameSpawnerSeesAndSweepsOnlyItsOwn() throws Exception {
        Machine machine = machine();
        try (Engine other =
                new dev.tinyvm.engine.container.ContainerEngine(spawner().socket())) {
            assertThat(other.machines()).isEmpty();
            assertThat(other.adopt(List.of()).removed()).isEmpty();
        }
        assertThat(run(machine, "echo", "alive").stdout()).isEqualTo("alive\n");
    }

    @Test
    void aRuntimeThatTheSpawnerLacksIsUnavailableWithTheRemedy() {
        OciRuntime other = runtime() == OciRuntime.CRUN ? OciRuntime.RUNC : OciRuntime.CRUN;
        assumeTrue(other.find().isPresent(), other.program() + " is not installed");
        try (Engine lacking = new OciEngine(other, spawner().socket())) {
            assertThat(lacking.availability())
                    .isInstanceOfSatisfying(
                            Engine.Availability.Missing.class,
                            m -> assertThat(m.reason() + m.remedy()).contains(other.program(), "start TinyVM again"));
            assertThatThrownBy(() -> lacking.create(spec(newId(), List.of())))
                    .isInstanceOf(EngineException.class)
                    .hasMessageContaining("--runtime " + other.program());
        }
    }

    @Test
    void theHostNameIsTheMachinesOwn() throws Exception {
        Machine machine = machine();
        assertThat(run(machine, "hostname").stdout()).isEqualTo("tiny\n");
        assertThat(run(machine, "cat", "/etc/hostname").stdout()).isEqualTo("tiny\n");
        assertThat(run(machine, "cat", "/etc/hosts").stdout()).contains("127.0.1.1\ttiny");
    }

    @Test
    void aVolumeIsSeenInsideAndWritableUnlessReadOnly() throws Exception {
        Files.setAttribute(spawner().volume(), "unix:gid", 1000);
        Files.writeString(spawner().volume().resolve("hello"), "from outside");
        String odd = "/da\"ta ü";
        Machine machine = machine(List.of(new Volume(spawner().volume().toString(), odd, false)));
        assertThat(run(machine, "cat", odd + "/hello").stdout()).isEqualTo("from outside");
        assertThat(run(machine, "sh", "-c", "echo inside > '" + odd + "/made'").status())
                .isZero();
        assertThat(Files.readString(spawner().volume().resolve("made"))).isEqualTo("inside\n");
        assertThat(Files.getAttribute(spawner().volume().resolve("made"), "unix:uid"))
                .isEqualTo(1000);
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
    void killedFromOutsideItIsLostWithAllItsProcesses() throws Exception {
        Machine machine = machine();
        List<Long> family = ProcessHandle.of(machine.hostPid())
                .orElseThrow()
                .descendants()
                .map(ProcessHandle::pid)
                .toList();
        assertThat(family).isNotEmpty();
        ProcessHandle.of(machine.hostPid()).orElseThrow().destroyForcibly();
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.GUEST_LOST);
        assertThat(end(machine).detail()).contains("signal 9");
        await("the end of the whole family", () -> family.stream().noneMatch(OciContract::isAlive));
    }

    @Test
    void allItsProcessesRunAsNobodyOnTheHost() throws Exception {
        Machine machine = machine();
        assertThat(run(machine, "true").status()).isZero();
        Stream.concat(
                        Stream.of(machine.hostPid()),
                        ProcessHandle.of(machine.hostPid())
                                .orElseThrow()
                                .descendants()
                                .map(ProcessHandle::pid))
                .forEach(pid -> assertThat(uid(pid)).as("uid of %d", pid).isGreaterThan(1 << 28));
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
        adopted.thaw();
        assertThat(run(adopted, "echo", "awake").stdout()).isEqualTo("awake\n");
    }

    static SpawnerProcess spawner() {
        if (spawner == null) {
            throw new AssertionError("the spawner was not started");
        }
        return spawner;
    }

    private static boolean isAlive(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    private static int uid(long pid) {
        try {
            return (Integer) Files.getAttribute(Path.of("/proc/" + pid), "unix:uid");
        } catch (java.nio.file.NoSuchFileException e) {
            return Integer.MAX_VALUE; // it ended meanwhile
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
