package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.sdk.VmFilter;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.sdk.VolumeInfo;
import dev.tinyvm.spec.Volume;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Named volumes of the whole product. */
@NeedsWalls
class VolumeTest {
    private static Product product;

    @TempDir
    Path directory;

    @BeforeAll
    static void up() throws Exception {
        product = Product.start();
    }

    @AfterAll
    static void down() throws Exception {
        product.close();
    }

    @Test
    void aVolumeIsAttachedWhileItRunsAndOutlivesRestartsAndManagers() throws Exception {
        VmInfo vm = product.create("cpu: 0.5, memory: 64Mi");
        product.cli("attach", vm.name(), "--volume", "notes:/data/notes").expectSuccess();
        assertThat(product.exec(vm.id(), "sh", "-c", "echo one > /data/notes/file && id -un")
                        .stdoutText())
                .isEqualTo("user\n");
        product.client().restart(vm.id());
        assertThat(product.exec(vm.id(), "cat", "/data/notes/file").stdoutText())
                .isEqualTo("one\n");
        Product.kill(product.managerPid());
        product.upAgain();
        assertThat(product.exec(vm.id(), "cat", "/data/notes/file").stdoutText())
                .isEqualTo("one\n");
        assertThat(product.cli("volume", "rm", "notes").errors())
                .contains(vm.name())
                .contains("detach");
        product.cli("detach", vm.name(), "/data/notes").expectSuccess();
        assertThat(product.exec(vm.id(), "ls", "-A", "/data/notes").stdoutText())
                .isEmpty();
        product.client().restart(vm.id());
        assertThat(product.exec(vm.id(), "ls", "-A", "/data/notes").exitCode()).isNotZero();
        product.client().remove(vm.id());

        VmInfo other =
                product.create("cpu: 0.5, memory: 64Mi", "  volumes: [{name: notes, mountPath: /n, readOnly: true}]\n");
        assertThat(product.exec(other.id(), "sh", "-c", "cat /n/file; touch /n/x 2>/dev/null || echo no")
                        .stdoutText())
                .isEqualTo("one\nno\n");
        product.client().remove(other.id());
        product.cli("volume", "rm", "notes").expectSuccess();
        assertThat(product.client().volumes().list())
                .noneMatch(volume -> volume.name().equals("notes"));
    }

    @Test
    void whatIsExportedIsImportedAsItWas() throws Exception {
        VmInfo vm = product.create("cpu: 0.5, memory: 64Mi", "  volumes: [{name: from, mountPath: /v, size: 64Mi}]\n");
        product.execAsRoot(
                vm.id(),
                "sh",
                "-c",
                "mkdir /v/d; echo hello > /v/d/f; ln /v/d/f /v/hard; ln -s d/f /v/soft; chmod 640 /v/d/f; touch /v/root; chown 7:8 /v/root; chown user /v/d");
        ByteArrayOutputStream archive = new ByteArrayOutputStream();
        product.client().volumes().exportTo("from", archive);
        VolumeInfo made = product.client().volumes().create("to", 32L << 20, false);
        assertThat(made.sizeBytes()).isEqualTo(32L << 20);
        product.client().volumes().importFrom("to", new ByteArrayInputStream(archive.toByteArray()));
        product.client().volumes().attach(vm.id(), Volume.named("to", "/to", false));
        String look = "cd %s && stat -c '%%n %%F %%a %%u %%g %%h' d d/f hard soft root && cat hard soft";
        assertThat(product.execAsRoot(vm.id(), "sh", "-c", look.formatted("/to"))
                        .stdoutText())
                .isEqualTo(product.execAsRoot(vm.id(), "sh", "-c", look.formatted("/v"))
                        .stdoutText())
                .contains("root regular empty file 644 7 8 1", "hello\nhello");
        assertThatThrownBy(() -> product.client()
                        .volumes()
                        .importFrom("to", new ByteArrayInputStream("no tar".getBytes(StandardCharsets.UTF_8))))
                .hasMessageContaining("tar");
        assertThatThrownBy(() -> product.client().volumes().exportTo("missing", archive))
                .isInstanceOf(TinyVmException.class)
                .hasMessageContaining("there is no volume missing");
        product.client().remove(vm.id());
    }

    @Test
    void aHostileArchiveHarmsNothingButItsVolume() throws Exception {
        product.cli("volume", "create", "victim", "--size", "16Mi").expectSuccess();
        Path archive = directory.resolve("hostile.tar");
        for (String member : List.of(
                "device|t.type = tarfile.CHRTYPE; t.devmajor = 1; t.devminor = 3|mknod",
                "../../../up|pass|'..'",
                "link|t.type = tarfile.LNKTYPE; t.linkname = '/etc/shadow'|hard link",
                "huge|t.size = 64 << 20|the volume is full",
                "lie|t.size = 1 << 40; size = 5|Unexpected EOF")) {
            String[] parts = member.split("\\|");
            String script = """
                    import io, sys, tarfile
                    t = tarfile.TarInfo('%s'); size = -1
                    %s
                    class Zeros:
                        def read(self, n): return b'z' * n
                    if size >= 0:
                        open(sys.argv[1], 'wb').write(t.tobuf() + b'z' * size)
                    else:
                        tarfile.open(sys.argv[1], 'w').addfile(t, Zeros())
                    """.formatted(parts[0], parts[1]);
            Shell.run(directory, "python3", "-c", script, archive.toString()).expectSuccess();
            Shell.Result refused = product.cli("volume", "import", "victim", archive.toString());
            assertThat(refused.exitCode()).as(member).isEqualTo(1);
            assertThat(refused.errors()).as(member).containsIgnoringCase(parts[2]);
        }
        assertThat(Path.of("/up")).doesNotExist();
        VmInfo vm = product.create("cpu: 0.5, memory: 64Mi", "  volumes: [{name: victim, mountPath: /v}]\n");
        assertThat(product.execAsRoot(
                                vm.id(),
                                "sh",
                                "-c",
                                "ls -A /v | grep -v -e huge -e lie; test ! -e /v/shadow && echo fine")
                        .stdoutText())
                .isEqualTo("fine\n");
        product.client().remove(vm.id());
        product.cli("volume", "rm", "victim").expectSuccess();
        assertThat(product.client().vms(VmFilter.ALL))
                .noneMatch(left -> left.descriptorJson().contains("victim"));
    }

    @Test
    void aManagerElsewhereSavesAndRestoresAVolumeToo() throws Exception {
        Path archive = directory.resolve("notes.tar");
        VmInfo vm = product.create("cpu: 0.5, memory: 64Mi", "  volumes: [{name: away, mountPath: /v, size: 64Mi}]\n");
        product.exec(vm.id(), "sh", "-c", "head -c 20000000 /dev/urandom > /v/big && sha256sum < /v/big > /v/sum");
        product.cli("volume", "export", "away", archive.toString()).expectSuccess();
        assertThat(archive).exists();
        product.cli("volume", "import", "back", archive.toString(), "--size", "64Mi")
                .expectSuccess();
        product.client().volumes().attach(vm.id(), Volume.named("back", "/b", true));
        assertThat(product.exec(
                                vm.id(),
                                "sh",
                                "-c",
                                "sha256sum < /b/big | cmp - /b/sum && cmp /b/big /v/big && echo same")
                        .stdoutText())
                .isEqualTo("same\n");
        assertThat(product.cli("volume", "export", "nothing").errors()).contains("there is no volume nothing");
        product.client().remove(vm.id());
    }

    @Test
    void anExclusiveVolumeIsMountedByOneTinyVmAtATime() throws Exception {
        product.cli("volume", "create", "single", "--exclusive", "--size", "16Mi")
                .expectSuccess();
        VmInfo first = product.create("cpu: 0.5, memory: 64Mi", "  volumes: [{name: single, mountPath: /v}]\n");
        VmInfo second = product.create("cpu: 0.5, memory: 64Mi");
        assertThatThrownBy(() -> product.client().volumes().attach(second.id(), Volume.named("single", "/v", true)))
                .isInstanceOf(TinyVmException.class)
                .hasMessageContaining("is exclusive and " + first.name() + " has it");
        product.client().stop(first.id());
        product.client().volumes().attach(second.id(), Volume.named("single", "/v", false));
        VmInfo failed = product.client().start(first.id());
        assertThat(failed.state()).isEqualTo("failed");
        assertThat(failed.message()).contains("exclusive", second.name());
        product.client().remove(first.id());
        product.client().remove(second.id());
        product.client().volumes().remove("single");
    }

    @Test
    void whatCannotBeAttachedOrDetachedIsSaid() throws Exception {
        VmInfo vm = product.create("cpu: 0.5, memory: 64Mi", "  volumes: [{name: there, mountPath: /v}]\n");
        assertThat(product.cli("attach", vm.name(), "--volume", "/root:/r").errors())
                .contains("volumes.hostPaths");
        assertThat(product.cli("attach", vm.name(), "--volume", "there:/v").errors())
                .contains("already");
        assertThat(product.cli("attach", vm.name(), "--volume", "../x:/v").errors())
                .contains("write --volume NAME");
        assertThat(product.cli("attach", vm.name(), "--volume", "there:/usr").errors())
                .contains("already");
        assertThat(product.cli("detach", vm.name(), "/none").errors()).contains("has no volume at /none", "/v");
        assertThat(product.client().vm(vm.id()).descriptorJson()).doesNotContain("/usr");
        product.client().stop(vm.id());
        assertThat(product.cli("detach", vm.name(), "/v").exitCode()).isNotZero();
        product.client().remove(vm.id());
    }
}
