package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.ExecCommand;
import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.VmInfo;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Attempts to leave the wall: each fails inside, and the negative control shows that it would work without the wall. */
@NeedsWalls
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EscapeTest {
    private static final Path SCRIPT = Repository.ROOT.resolve("tests/src/test/resources/attacks/escapes.py");
    private static final Pattern RESULT = Pattern.compile("\"([a-z0-9_]+)\": \"((?:[^\"\\\\]|\\\\.)*)\"");

    /** What works on the host, in namespaces of its own, so that its failure inside is the wall's doing. */
    private static final List<String> WORKS_WITHOUT_A_WALL = List.of(
            "mount_tmpfs",
            "mount_proc",
            "remount_root",
            "new_mount_api",
            "open_tree_clone",
            "unmount_proc",
            "pivot_root",
            "new_user_namespace",
            "new_mount_namespace",
            "clone_into_new_namespace",
            "ptrace_a_process_outside",
            "signal_a_process_outside",
            "write_proc_sys",
            "mknod_of_kernel_memory",
            "raw_socket",
            "packet_socket",
            "keyrings",
            "keyctl",
            "bpf",
            "userfaultfd",
            "open_by_handle",
            "device_files",
            "write_to_sys");

    /** Behind gVisor these are files of the sentry's own making: opening them reaches nothing of the host. */
    private static final List<String> ANSWERED_BY_THE_SENTRY = List.of("write_sysrq", "device_files");

    private Product product;

    @BeforeAll
    void start() throws Exception {
        product = Product.start();
    }

    @AfterAll
    void stop() throws Exception {
        product.close();
    }

    @ParameterizedTest
    @MethodSource("dev.tinyvm.tests.Walls#linux")
    void rootInsideCannotLeaveTheWall(String engine) throws Exception {
        Walls.need(engine);
        Path marker = Files.createTempFile("tinyvm-marker", "");
        try {
            VmInfo vm = product.create("cpu: 1, memory: 256Mi, pids: 64", Walls.line(engine));
            ExecResult result = product.client()
                    .exec(
                            vm.id(),
                            ExecCommand.of(
                                            "python3",
                                            "-c",
                                            Files.readString(SCRIPT).replace("__file__", "'/etc/hostname'"))
                                    .withUser("root")
                                    .withEnv(Map.of("TINYVM_HOST_SECRET_FILE", marker.toString()))
                                    .withTimeout(Product.PATIENCE));
            Map<String, String> attempts = results(result.stdoutText());
            assertThat(attempts).as(result.stderrText()).hasSizeGreaterThan(40);
            assertThat(attempts).allSatisfy((name, outcome) -> {
                if (!engine.equals("gvisor") || !ANSWERED_BY_THE_SENTRY.contains(name)) {
                    assertThat(outcome).as(name).startsWith("held: ");
                }
            });
            product.client().remove(vm.id());
        } finally {
            Files.delete(marker);
        }
    }

    @Test
    void theSameAttemptsSucceedWithoutTheWall() throws Exception {
        Process victim = new ProcessBuilder("sleep", "120").start();
        try {
            Shell.Result result = Shell.run(
                            Path.of("/"),
                            "unshare",
                            "--mount",
                            "--ipc",
                            "--uts",
                            "--net",
                            "python3",
                            SCRIPT.toString(),
                            Long.toString(victim.pid()))
                    .expectSuccess();
            assertThat(results(result.output()))
                    .containsKeys(WORKS_WITHOUT_A_WALL.toArray(String[]::new))
                    .allSatisfy((name, outcome) -> {
                        if (WORKS_WITHOUT_A_WALL.contains(name)) {
                            assertThat(outcome).as(name).startsWith("open: ");
                        }
                    });
        } finally {
            victim.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
    }

    @ParameterizedTest
    @MethodSource("dev.tinyvm.tests.Walls#linux")
    void rootInsideIsNobodyOutsideAndEachTinyVmHasItsOwnUids(String engine) throws Exception {
        Walls.need(engine);
        VmInfo one = product.create("cpu: 0.1, memory: 32Mi", Walls.line(engine));
        VmInfo two = product.create("cpu: 0.1, memory: 32Mi", Walls.line(engine));
        assertThat(product.execAsRoot(one.id(), "id", "-u").stdoutText()).isEqualTo("0\n");
        int first = uidOf(one.hostPid());
        int second = uidOf(two.hostPid());
        assertThat(first).isGreaterThanOrEqualTo(65_536);
        assertThat(Math.abs(first - second)).isGreaterThanOrEqualTo(65_536);
        product.client().remove(one.id());
        product.client().remove(two.id());
    }

    @Test
    void theManagerHasNoCapabilitiesAndIsNotRoot() throws Exception {
        String status = Files.readString(Path.of("/proc", Long.toString(product.managerPid()), "status"));
        assertThat(status)
                .contains("CapEff:\t0000000000000000")
                .contains("CapPrm:\t0000000000000000")
                .contains("CapBnd:");
        assertThat(status).doesNotContainPattern("Uid:\\t0\\t");
    }

    @ParameterizedTest
    @MethodSource("dev.tinyvm.tests.Walls#linux")
    void aTinyVmSeesNoOtherTinyVmsFilesOrProcesses(String engine) throws Exception {
        Walls.need(engine);
        VmInfo one = product.create("cpu: 0.2, memory: 32Mi", Walls.line(engine));
        VmInfo two = product.create("cpu: 0.2, memory: 32Mi", Walls.line(engine));
        product.client()
                .exec(
                        one.id(),
                        ExecCommand.of("sh", "-c", "echo secret > /tmp/secret; echo secret > /home/user/secret")
                                .withTimeout(Product.PATIENCE));
        ExecResult search = product.execAsRoot(
                two.id(),
                "sh",
                "-c",
                "cat /tmp/secret /home/user/secret; ls /proc | grep -c '^[0-9]'; ls -R /run /tmp");
        assertThat(search.stdoutText()).doesNotContain("secret\nsecret").doesNotContain(one.id());
        product.client().remove(one.id());
        product.client().remove(two.id());
    }

    @ParameterizedTest
    @MethodSource("dev.tinyvm.tests.Walls#linux")
    void theFileApiCannotBeLedOutsideByLinksOrDots(String engine) throws Exception {
        Walls.need(engine);
        VmInfo vm = product.create("cpu: 0.2, memory: 32Mi", Walls.line(engine));
        product.exec(
                vm.id(),
                "sh",
                "-c",
                "ln -s /proc/1/root/../../../../etc/shadow /home/user/link; ln -s ../../../../../../etc/hostname /home/user/name");
        String host = Files.readString(Path.of("/etc/hostname")).trim();
        String inside = new String(read(vm.id(), "/home/user/name"), StandardCharsets.UTF_8).trim();
        assertThat(inside).isNotEqualTo(host);
        String dots = new String(read(vm.id(), "/home/user/../../../../../../../etc/hostname"), StandardCharsets.UTF_8)
                .trim();
        assertThat(dots).isEqualTo(inside);
        assertThat(product.exec(vm.id(), "cat", "/home/user/link").exitCode()).isNotZero();
        product.client().remove(vm.id());
    }

    @ParameterizedTest
    @MethodSource("dev.tinyvm.tests.Walls#linux")
    void sudoWorksInside(String engine) throws Exception {
        Walls.need(engine);
        VmInfo vm = product.create("cpu: 0.5, memory: 64Mi", Walls.line(engine));
        ExecResult result = product.exec(vm.id(), "sudo", "-n", "id", "-u");
        if (engine.equals(
                "gvisor")) { // it has no set-user-ID programs (docs/walls.md); the manager can still act as root
            assertThat(result.stderrText()).contains("no new privileges");
            result = product.execAsRoot(vm.id(), "id", "-u");
        }
        assertThat(result.stdoutText()).as(result.stderrText()).isEqualTo("0\n");
        product.client().remove(vm.id());
    }

    private byte[] read(String vm, String path) throws Exception {
        ExecResult result = product.exec(vm, "cat", path);
        assertThat(result.exitCode()).as(result.stderrText()).isZero();
        return result.stdout();
    }

    private static int uidOf(long pid) throws Exception {
        Matcher matcher = Pattern.compile("(?m)^Uid:\\s+(\\d+)")
                .matcher(Files.readString(Path.of("/proc", Long.toString(pid), "status")));
        assertThat(matcher.find()).isTrue();
        return Integer.parseInt(matcher.group(1));
    }

    private static Map<String, String> results(String json) {
        Map<String, String> results = new TreeMap<>();
        Matcher matcher = RESULT.matcher(json);
        while (matcher.find()) {
            results.put(matcher.group(1), matcher.group(2));
        }
        return results;
    }
}
