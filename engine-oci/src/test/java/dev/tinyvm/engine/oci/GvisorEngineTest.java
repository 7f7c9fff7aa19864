package dev.tinyvm.engine.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Resources;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The contract behind gVisor, with sandboxes from the pool where there are some. */
class GvisorEngineTest extends OciContract {
    @BeforeAll
    static void startSpawner() {
        start(OciRuntime.RUNSC, List.of("--sandboxes", "2"));
    }

    @Override
    OciRuntime runtime() {
        return OciRuntime.RUNSC;
    }

    @Test
    void aSandboxFromThePoolIsWhatWasAskedFor() throws Exception {
        for (int i = 0; i < 4; i++) { // more than the pool holds: some are made anew, and nobody can tell
            String name = "name-" + i;
            MachineSpec spec = new MachineSpec(
                    newId(),
                    "host",
                    new Resources(500, 96L << 20, 32L << 20, 64),
                    List.of(),
                    name,
                    i % 2 == 0 ? "root" : "user");
            Machine machine = engine().create(spec);
            assertThat(run(machine, "hostname").stdout()).isEqualTo(name + "\n");
            assertThat(run(machine, "id", "-un").stdout()).isEqualTo(spec.defaultUser() + "\n");
            assertThat(machine.stats().memoryLimitBytes()).isEqualTo(96L << 20);
            assertThat(machine.stats().diskTotalBytes()).isEqualTo(32L << 20);
        }
    }

    @Test
    void noCommandHoldsTheRightToRename() throws Exception {
        ExecRequest rename =
                new ExecRequest(List.of("hostname", "other"), Map.of(), "", "root", Optional.empty(), false, "");
        Machine machine = machine();
        assertThat(run(machine, rename).status()).isNotZero();
        assertThat(run(machine, "hostname").stdout()).isEqualTo("tiny\n");
    }
}
