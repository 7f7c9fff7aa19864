package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.sdk.CheckpointInfo;
import dev.tinyvm.sdk.LogEntry;
import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.sdk.VmInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tiny VMs behind gVisor on disk, and those that go on from there. */
@NeedsWalls
class CheckpointTest {
    private static final String GVISOR = Walls.line("gvisor");
    private static final String COUNTER = GVISOR
            + "  command: [sh, -c, \"i=0; while :; do i=$((i+1)); echo $i; echo $i > /home/user/count; sleep 0.05; done\"]\n";

    private static Product product;

    @BeforeAll
    static void up() throws Exception {
        Walls.need("gvisor");
        product = Product.start();
    }

    @AfterAll
    static void down() throws Exception {
        if (product != null) {
            product.close();
        }
    }

    @Test
    void copiesGoOnWhereTheOriginalWasAndItGoesOnToo() throws Exception {
        VmInfo original = product.create("cpu: 1, memory: 96Mi", COUNTER);
        product.exec(original.id(), "sh", "-c", "echo common > /home/user/file");
        Product.eventually(() -> "it counts", () -> lines(original).size() > 5);
        String said = product.cli("checkpoint", original.name(), "--name", "warm")
                .expectSuccess()
                .output();
        assertThat(said).startsWith("warm  ");
        CheckpointInfo checkpoint = product.client().checkpoints().get("warm");
        assertThat(checkpoint.vm()).isEqualTo(original.id());
        assertThat(checkpoint.bytes()).isGreaterThan(1 << 20);
        assertThat(product.cli("checkpoint", "--list").expectSuccess().output()).contains("warm", original.name());

        int before = lines(original).size();
        Product.eventually(() -> "it goes on", () -> lines(original).size() > before + 5);
        assertThat(product.client().vm(original.id()).state()).isEqualTo("running");
        assertThat(product.client().vm(original.id()).restarts()).isZero();
        assertConsecutive(lines(original), 1);
        product.exec(original.id(), "sh", "-c", "echo later > /home/user/later");

        List<VmInfo> copies = product.client().checkpoints().restore("warm", 3, "copy");
        assertThat(copies).extracting(VmInfo::name).containsExactlyInAnyOrder("copy-1", "copy-2", "copy-3");
        Set<Integer> first = new HashSet<>();
        for (VmInfo copy : copies) {
            assertThat(copy.state()).isEqualTo("running");
            Product.eventually(() -> copy.name() + " counts", () -> lines(copy).size() > 5);
            List<Integer> lines = lines(copy);
            assertThat(lines.getFirst()).as("it does not begin anew").isGreaterThan(1);
            assertConsecutive(lines, lines.getFirst());
            first.add(lines.getFirst());
            product.exec(copy.id(), "sh", "-c", "echo " + copy.name() + " > /home/user/file");
        }
        assertThat(first).as("all from the same moment").hasSize(1);
        for (VmInfo copy : copies) {
            assertThat(product.exec(
                                    copy.id(),
                                    "sh",
                                    "-c",
                                    "hostname; cat /etc/hostname /home/user/file; ls /home/user/later 2>/dev/null; id -un")
                            .stdoutText())
                    .isEqualTo((copy.name() + "\n").repeat(3) + "user\n");
        }
        assertThat(product.exec(original.id(), "cat", "/home/user/file").stdoutText())
                .isEqualTo("common\n");
        assertThat(product.exec(original.id(), "hostname").stdoutText()).isEqualTo(original.name() + "\n");
        copies.forEach(copy -> product.client().remove(copy.id()));
        product.client().remove(original.id());
        product.cli("checkpoint", "--remove", "warm").expectSuccess();
        assertThat(product.client().checkpoints().list()).isEmpty();
    }

    @Test
    void aPausedOneStaysPaused() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 96Mi", COUNTER);
        Product.eventually(() -> "it counts", () -> lines(vm).size() > 2);
        product.client().pause(vm.id());
        product.client().checkpoints().write(vm.id(), "paused");
        assertThat(product.client().vm(vm.id()).state()).isEqualTo("paused");
        int counted = lines(vm).size();
        product.client().resume(vm.id());
        Product.eventually(() -> "it goes on", () -> lines(vm).size() > counted + 2);
        assertConsecutive(lines(vm), 1);
        VmInfo copy = product.client()
                .checkpoints()
                .restore("paused", 1, "from-paused")
                .getFirst();
        assertThat(copy.state()).isEqualTo("running");
        Product.eventually(() -> "the copy counts", () -> lines(copy).size() > 2);
        product.client().remove(vm.id());
        product.client().remove(copy.id());
        product.client().checkpoints().remove("paused");
    }

    @Test
    void theyOutliveTheManagerAndWhatItDidNotFinishGoes() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 96Mi", COUNTER);
        CheckpointInfo kept = product.client().checkpoints().write(vm.id(), "kept");
        Thread asking = Thread.startVirtualThread(() -> {
            try {
                product.client().checkpoints().write(vm.id(), "cut-off");
            } catch (TinyVmException cut) {
                assertThat(cut).isNotNull();
            }
        });
        Thread.sleep(60);
        Product.kill(product.managerPid());
        asking.join();
        product.upAgain();
        List<CheckpointInfo> after = product.client().checkpoints().list();
        assertThat(after).contains(kept);
        assertThat(after.size()).isLessThanOrEqualTo(2);
        Product.eventually(
                () -> "the original runs on",
                () -> product.client().vm(vm.id()).state().equals("running"));
        int counted = lines(vm).size();
        Product.eventually(() -> "and is read on", () -> lines(vm).size() > counted + 2);
        assertConsecutive(lines(vm), 1);
        for (CheckpointInfo whole : after) {
            VmInfo copy =
                    product.client().checkpoints().restore(whole.name(), 1, "").getFirst();
            assertThat(product.exec(copy.id(), "echo", "alive").stdoutText()).isEqualTo("alive\n");
            product.client().remove(copy.id());
            product.client().checkpoints().remove(whole.name());
        }
        product.client().remove(vm.id());
    }

    @Test
    void whatCannotBeIsSaid() throws Exception {
        VmInfo container = product.create("cpu: 0.5, memory: 64Mi");
        assertThat(product.cli("checkpoint", container.name()).errors()).contains("gVisor", "CRIU", "container");
        VmInfo vm = product.create("cpu: 1, memory: 96Mi", GVISOR);
        product.client().checkpoints().write(vm.id(), "taken");
        assertThat(product.cli("checkpoint", vm.name(), "--name", "taken").errors())
                .contains("already");
        assertThat(product.cli("checkpoint", vm.name(), "--name", "../x").exitCode())
                .isNotZero();
        assertThat(product.cli("restore", "nothing").errors()).contains("there is no checkpoint nothing");
        assertThat(product.cli("restore", "taken", "--count", "101").exitCode()).isNotZero();
        product.client().stop(vm.id());
        assertThat(product.cli("checkpoint", vm.name()).errors()).contains("stopped");
        VmInfo second =
                product.client().checkpoints().restore("taken", 1, "twin-2").getFirst();
        int before = product.client().vms(dev.tinyvm.sdk.VmFilter.ALL).size();
        assertThatThrownBy(() -> product.client().checkpoints().restore("taken", 3, "twin"))
                .as("a name that is taken: all or none")
                .isInstanceOf(TinyVmException.class)
                .hasMessageContaining("twin-2");
        assertThat(product.client().vms(dev.tinyvm.sdk.VmFilter.ALL)).hasSize(before);
        product.client().remove(second.id());
        product.client().checkpoints().remove("taken");
        product.client().remove(vm.id());
        product.client().remove(container.id());
    }

    @Test
    void allTogetherAreBounded(@TempDir Path directory) throws Exception {
        Path config =
                Files.writeString(directory.resolve("tinyvm.yaml"), "gvisor: {checkpoints: 16Mi, sandboxes: 0}\n");
        try (Product small = Product.start("--config", config.toString())) {
            VmInfo vm = small.create("cpu: 1, memory: 96Mi", GVISOR);
            assertThat(small.cli("checkpoint", vm.name()).errors()).contains("gvisor.checkpoints", "16Mi");
            assertThat(small.client().vm(vm.id()).state()).isEqualTo("running");
        }
    }

    private static List<Integer> lines(VmInfo vm) {
        List<Integer> numbers = new ArrayList<>();
        for (LogEntry line : product.log(vm.id(), -1)) {
            numbers.add(Integer.parseInt(line.text()));
        }
        return numbers;
    }

    private static void assertConsecutive(List<Integer> lines, int from) {
        for (int i = 0; i < lines.size(); i++) {
            assertThat(lines.get(i)).as("line %d of %s", i, lines).isEqualTo(from + i);
        }
    }
}
