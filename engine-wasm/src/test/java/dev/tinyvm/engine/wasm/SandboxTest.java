package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Volume;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a module tries to reach outside of its own file tree and memory, and does not. */
class SandboxTest extends WasmFixture {
    private static final int PERM = 63;
    private static final int NOENT = 44;

    @Test
    void noPathLeadsOutOfAnOpenDirectory() throws Exception {
        // The control is in the same run: from the root the same file opens (0), so that the refusals are not for want
        // of it.
        assertThat(run(machine(), "escape").stdout().lines())
                .containsExactly(
                        "../../etc/hostname: " + PERM,
                        "..: " + PERM,
                        "/etc/hostname: " + PERM,
                        "up: " + PERM,
                        "absolute: " + PERM,
                        "loop: 32",
                        "x/../../../etc/hostname: " + NOENT,
                        "../../../../../../../../etc/hostname: 0",
                        "../../../../../../../../etc/passwd: " + NOENT,
                        "/etc/passwd: " + NOENT,
                        "/proc/self/environ: " + NOENT,
                        "etc/hostname: 8");
    }

    @Test
    void theRootIsTheMachinesOwnAndNotTheHosts(@org.junit.jupiter.api.io.TempDir Path host) throws Exception {
        Path secret = Files.writeString(host.resolve("secret"), "host");
        Machine machine = machine();
        assertThatThrownBy(() -> machine.files().read("root", secret.toString(), 0, -1))
                .isInstanceOf(GuestFileException.class)
                .hasMessageContaining("ENOENT");
        machine.files().symlink("root", secret.toString(), "/tmp/link");
        assertThatThrownBy(() -> machine.files().read("root", "/tmp/link", 0, -1))
                .isInstanceOf(GuestFileException.class);
        assertThatThrownBy(() -> machine.files().read("root", "../../../../.." + secret, 0, -1))
                .isInstanceOf(GuestFileException.class);
        assertThat(machine.files().list("root", "/", 1))
                .extracting(e -> e.path())
                .containsExactly("app", "etc", "home", "root", "tmp");
    }

    @Test
    void twoMachinesOfOneImageShareNothing() throws Exception {
        Machine one = machine();
        Machine two = machine();
        write(one, "/tmp/mine", "one");
        assertThatThrownBy(() -> two.files().stat("", "/tmp/mine", true)).hasMessageContaining("ENOENT");
    }

    @Test
    void hostCallsWithWildPointersFailAndHarmNobody() throws Exception {
        assertThat(run(machine(), "bad-pointers").stdout().lines())
                .containsExactly(
                        "write: 21",
                        "vectors: 21",
                        "count: 28",
                        "read: 70",
                        "random: 21",
                        "fd: 8",
                        "log: 21",
                        "llm: 52");
    }

    @Test
    void withoutAGatewayAnLlmIsRefusedAndALogLineStaysALine() throws Exception {
        Result result = run(machine(), "host");
        assertThat(result.stdout()).isEqualTo("version 1, clock 0, later than 2020: 1\nlog 0, bad level 28, llm 52\n");
        assertThat(result.stderr()).isEqualTo("info: a line of the log\n");
    }

    @Test
    void aModulesFilesBehaveAsPosixSays() throws Exception {
        Result result = run(machine(), "tree");
        assertThat(result.stdout()).isEqualTo("file\n10 2\nrenamed\nhard link renamed \n01234\nrmdir 1\n");
        assertThat(result.status()).isZero();
    }

    @Test
    void aShellIsRefusedWithAWayOut() {
        Machine machine = machine();
        for (String shell : List.of("sh", "/bin/bash", "/bin/sh")) {
            assertThatThrownBy(() -> start(machine, shell, "-c", "true"))
                    .isInstanceOfSatisfying(
                            EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.INVALID))
                    .hasMessageContaining("no shell")
                    .hasMessageContaining("engine: container");
        }
    }

    @Test
    void theDefaultCommandIsTheImagesOwnFile() {
        assertThat(WasmEngine.defaultCommand("/srv/agent.js")).containsExactly("agent.js");
        assertThat(WasmEngine.defaultCommand("x/tool.wasm")).containsExactly("tool.wasm");
        assertThat(WasmEngine.defaultCommand("js")).isEmpty();
        assertThat(WasmEngine.takes("host")).isFalse();
    }

    @Test
    void volumesAndOtherImagesAreRefused() {
        Volume volume = new Volume("/srv", "/data", true);
        assertCode(Code.MOUNT, new MachineSpec("a", MULTI, RESOURCES, List.of(volume), "a", ""));
        assertCode(Code.IMAGE, new MachineSpec("a", "host", RESOURCES, List.of(), "a", ""));
        assertCode(Code.IMAGE, new MachineSpec("a", "/no/such.wasm", RESOURCES, List.of(), "a", ""));
        assertCode(Code.INVALID, new MachineSpec("../a", MULTI, RESOURCES, List.of(), "a", ""));
        assertThat(engine.machines()).isEmpty();
    }

    private void assertCode(Code code, MachineSpec spec) {
        assertThatThrownBy(() -> engine.create(spec))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(code));
    }
}
