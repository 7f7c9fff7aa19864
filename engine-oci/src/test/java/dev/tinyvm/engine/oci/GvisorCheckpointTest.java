package dev.tinyvm.engine.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.engine.CheckpointStore.Outcome;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.engine.container.ContainerEngine;
import dev.tinyvm.engine.container.SpawnerProcess;
import dev.tinyvm.spec.Resources;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Checkpoints of machines behind gVisor, as the manager sees them. */
@Timeout(120)
class GvisorCheckpointTest {
    private static final Resources SIZE = new Resources(1000, 96L << 20, 64L << 20, 64);
    private static final long MOST_BYTES = 256L << 20;
    private static final AtomicInteger NUMBER = new AtomicInteger();

    private static SpawnerProcess spawner;
    private static OciEngine engine;

    @BeforeAll
    static void start() {
        String path = OciRuntime.RUNSC.find().map(java.nio.file.Path::toString).orElse("");
        assumeTrue(!path.isEmpty(), "runsc is not installed: " + OciRuntime.RUNSC.remedy());
        spawner = SpawnerProcess.start(List.of("--runtime", "runsc=" + path));
        engine = new OciEngine(OciRuntime.RUNSC, spawner.socket());
    }

    @AfterAll
    static void stop() {
        if (engine != null) {
            engine.close();
            spawner.close();
        }
    }

    @Test
    void aMachineGoesOnAfterItsCheckpointAndSoDoCopies() throws Exception {
        Machine machine = engine.create(spec("original"));
        GuestProcess counter = machine.exec(command("i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done"));
        assertThat(counter.next()).isInstanceOf(Output.Stdout.class);
        Outcome outcome = store().write(machine, spec("any"), "going-on", MOST_BYTES);
        assertThat(outcome.failure()).isEmpty();
        assertThat(outcome.bytes()).isPositive();
        assertThat(store().list()).containsEntry("going-on", outcome.bytes());
        assertThat(machine.ended()).isNotDone();
        // What was held through the old link is over; the process is not.
        Output last = counter.next();
        while (last instanceof Output.Stdout) {
            last = counter.next();
        }
        assertThat(last).isInstanceOf(Output.Lost.class);
        Machine after = outcome.machine();
        assertThat(after.id()).isEqualTo(machine.id());
        goesOn(after);
        Machine one = store().restore("going-on", spec("one"));
        Machine two = store().restore("going-on", spec("two"));
        after.destroy();
        for (Machine copy : List.of(one, two)) {
            goesOn(copy);
        }
        assertThat(output(one, "hostname")).isEqualTo("one\n");
        assertThat(output(two, "hostname")).isEqualTo("two\n");
        one.destroy();
        assertThat(output(two, "echo alive")).isEqualTo("alive\n");
        two.destroy();
        store().remove("going-on");
        assertThat(store().list()).doesNotContainKey("going-on");
    }

    @Test
    void copiesHaveLimitsOfTheirOwn() throws Exception {
        Machine machine = engine.create(spec("limits"));
        machine = store().write(machine, spec("any"), "limits", MOST_BYTES).machine();
        Resources larger = new Resources(2000, 192L << 20, 64L << 20, 32);
        Machine copy = store().restore("limits", spec("larger", larger));
        assertThat(copy.stats().memoryLimitBytes()).isEqualTo(192L << 20);
        copy.freeze();
        copy.thaw();
        assertThat(output(copy, "echo thawed")).isEqualTo("thawed\n");
        copy.destroy();
        machine.destroy();
        store().remove("limits");
    }

    @Test
    void whatIsRefusedChangesNothing() throws Exception {
        Machine machine = engine.create(spec("refused"));
        Outcome first = store().write(machine, spec("any"), "refused", MOST_BYTES);
        Outcome second = store().write(first.machine(), spec("any"), "refused", MOST_BYTES);
        assertThat(second.failure())
                .hasValueSatisfying(e -> assertThat(e).hasMessageContaining("there is a checkpoint refused already"));
        assertThat(output(second.machine(), "echo alive")).isEqualTo("alive\n");
        assertThatThrownBy(() -> store().restore("nothing", spec("nobody")))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.NOT_FOUND))
                .hasMessageContaining("there is no checkpoint nothing");
        second.machine().destroy();
        store().remove("refused");
        store().remove("refused");
        assertThatThrownBy(() -> store().write(second.machine(), spec("any"), "late", MOST_BYTES))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.GONE));
    }

    @Test
    void otherWallsOfferNone() {
        try (ContainerEngine container = new ContainerEngine(spawner.socket())) {
            assertThat(container.checkpoints()).isEmpty();
        }
    }

    private static CheckpointStore store() {
        return engine.checkpoints().orElseThrow();
    }

    private static void goesOn(Machine machine) throws Exception {
        ProcessInfo process = machine.processes().getFirst();
        GuestProcess counter = machine.attach(process.processId(), Machine.OLDEST_KEPT, Machine.OLDEST_KEPT);
        for (int i = 0; i < 3; i++) {
            assertThat(counter.next()).isInstanceOfSatisfying(Output.Stdout.class, out -> {
                assertThat(out.bytes()).isNotEmpty();
                counter.acknowledge(out.offset() + out.bytes().length, 0);
            });
        }
        counter.close();
    }

    private static String output(Machine machine, String script) throws Exception {
        StringBuilder all = new StringBuilder();
        try (GuestProcess process = machine.exec(command(script))) {
            while (true) {
                switch (process.next()) {
                    case Output.Stdout out -> all.append(new String(out.bytes(), StandardCharsets.UTF_8));
                    case Output.Stderr err -> all.append(new String(err.bytes(), StandardCharsets.UTF_8));
                    case Output.Exited _, Output.Lost _ -> {
                        return all.toString();
                    }
                }
            }
        }
    }

    private static ExecRequest command(String script) {
        return new ExecRequest(List.of("sh", "-c", script), Map.of(), "", "", Optional.empty(), false, "test");
    }

    private static MachineSpec spec(String hostname) {
        return spec(hostname, SIZE);
    }

    private static MachineSpec spec(String hostname, Resources size) {
        return new MachineSpec("cp" + NUMBER.incrementAndGet(), "host", size, List.of(), hostname, "user");
    }
}
