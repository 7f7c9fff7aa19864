package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Directories. What needs root says so and is skipped without. */
class TreeImportTest {
    /** VFS_CAP_REVISION_2 with CAP_NET_RAW, effective: what setcap(8) writes for ping. */
    private static final byte[] CAPABILITY = {1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    @TempDir
    Path directory;

    private ImageStore store = new ImageStore(Path.of("unset"));
    private Path tree = Path.of("unset");

    @BeforeEach
    void prepare() throws IOException {
        store = new ImageStore(directory.resolve("images"), ImageFormat.DIRECTORY);
        tree = directory.resolve("tree");
        Files.createDirectories(tree.resolve("bin"));
    }

    @Test
    void modesLinksTimesAndSpecialBitsAreKept() throws Exception {
        Path tool = Files.writeString(tree.resolve("bin/tool"), "x".repeat(300_000));
        Files.createLink(tree.resolve("bin/again"), tool);
        Files.createSymbolicLink(tree.resolve("bin/out"), Path.of("/etc/passwd"));
        chmod(tool, 04755);
        Files.createDirectory(tree.resolve("tmp"));
        chmod(tree.resolve("tmp"), 01777);
        Files.setLastModifiedTime(tree.resolve("bin"), java.nio.file.attribute.FileTime.fromMillis(1_600_000_000_123L));
        Image image = store.importFrom("a", tree, ImageConfig.DEFAULT).image();
        Path root = store.directory().resolve("a/rootfs");
        assertThat(image.sizeBytes()).isEqualTo(300_000);
        assertThat(mode(root.resolve("bin/tool"))).isEqualTo(04755);
        assertThat(mode(root.resolve("tmp"))).isEqualTo(01777);
        assertThat(Files.isSameFile(root.resolve("bin/tool"), root.resolve("bin/again")))
                .isTrue();
        assertThat(Files.isSameFile(root.resolve("bin/tool"), tool)).isFalse();
        assertThat(Files.readSymbolicLink(root.resolve("bin/out"))).hasToString("/etc/passwd");
        assertThat(Files.getLastModifiedTime(root.resolve("bin")).toMillis()).isEqualTo(1_600_000_000_123L);
    }

    @Test
    void userAttributesAreKeptAndOverlaysOwnAreNot() throws Exception {
        Path tool = Files.writeString(tree.resolve("bin/tool"), "x");
        assumeTrue(
                set(tool, "user.note", "hi".getBytes(StandardCharsets.UTF_8)),
                "the file system of the temporary directory has no user.* attributes");
        set(tool, "user.overlay.redirect", "/etc".getBytes(StandardCharsets.UTF_8));
        store.importFrom("a", tree, ImageConfig.DEFAULT);
        assertThat(attributes(store.directory().resolve("a/rootfs/bin/tool"))).containsExactly("user.note");
    }

    @Test
    void sourcesThatLieInALinkedDirectoryAreReadAndTheirLinksAreNotFollowed() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("link"), tree);
        Files.createSymbolicLink(tree.resolve("loop"), Path.of("."));
        store.importFrom("a", link, ImageConfig.DEFAULT);
        assertThat(Files.isSymbolicLink(store.directory().resolve("a/rootfs/loop")))
                .isTrue();
    }

    @Test
    void aFifoIsLeftOutAndDoesNotStallTheImport() throws Exception {
        run(List.of("mkfifo", tree.resolve("bin/fifo").toString()));
        assertThat(store.importFrom("a", tree, ImageConfig.DEFAULT).leftOut()).containsExactly("bin/fifo");
    }

    @Test
    void ownersAndCapabilitiesAreKeptFromDirectoryAndArchive() throws Exception {
        assumeTrue(isRoot(), "needs root: gives files to other users");
        Path tool = Files.writeString(tree.resolve("bin/tool"), "x");
        int opened = Posix.openat(Posix.AT_FDCWD, tree.resolve("bin").toString(), Posix.O_RDONLY, 0);
        Posix.chown(opened, "tool", 1234, 4321);
        Posix.close(opened);
        chmod(tool, 06711);
        assumeTrue(
                set(tool, "security.capability", CAPABILITY),
                "the file system of the temporary directory has no security.capability");
        store.importFrom("directory", tree, ImageConfig.DEFAULT);
        byte[] tar = new TarBuilder(1234, 4321)
                .directory("bin/")
                .pax("SCHILY.xattr.security.capability", CAPABILITY)
                .file("bin/tool", "x", 06711)
                .end();
        store.importFrom("archive", Files.write(directory.resolve("a.tar"), tar), ImageConfig.DEFAULT);
        for (String name : List.of("directory", "archive")) {
            Path copy = store.directory().resolve(name + "/rootfs/bin/tool");
            assertThat(Files.getAttribute(copy, "unix:uid")).isEqualTo(1234);
            assertThat(Files.getAttribute(copy, "unix:gid")).isEqualTo(4321);
            assertThat(mode(copy)).isEqualTo(06711);
            assertThat(get(copy, "security.capability")).isEqualTo(CAPABILITY);
        }
    }

    @Test
    void aDeviceOutsideOfDevIsRefused() throws Exception {
        assumeTrue(isRoot(), "needs root: makes a device node");
        Files.createDirectory(tree.resolve("dev"));
        run(List.of("mknod", tree.resolve("dev/null").toString(), "c", "1", "3"));
        assertThat(store.importFrom("a", tree, ImageConfig.DEFAULT).leftOut()).containsExactly("dev/null");
        run(List.of("mknod", tree.resolve("bin/null").toString(), "c", "1", "3"));
        assertThatThrownBy(() -> store.importFrom("b", tree, ImageConfig.DEFAULT))
                .hasMessageContaining("device node");
    }

    @Test
    void anotherUsersFilesNeedRoot() throws Exception {
        assumeTrue(!isRoot(), "needs a user who is not root");
        byte[] tar = new TarBuilder(0, 0).directory("bin/").end();
        assertThatThrownBy(
                        () -> store.importFrom("a", Files.write(directory.resolve("a.tar"), tar), ImageConfig.DEFAULT))
                .hasMessageContaining("sudo");
    }

    @Test
    void aBusyboxTreeIsImportedAndRuns() throws Exception {
        Path busybox = Path.of("/bin/busybox");
        assumeTrue(Files.exists(busybox), "needs the package busybox-static");
        assumeTrue(isRoot(), "needs root: chroot");
        Files.copy(busybox, tree.resolve("bin/busybox"));
        chmod(tree.resolve("bin/busybox"), 0755);
        for (String applet : List.of("sh", "ls", "cat", "id")) {
            Files.createSymbolicLink(tree.resolve("bin/" + applet), Path.of("busybox"));
        }
        Files.createDirectories(tree.resolve("etc"));
        Files.writeString(tree.resolve("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
        Path tar = directory.resolve("busybox.tar.gz");
        run(List.of("tar", "--numeric-owner", "-C", tree.toString(), "-czf", tar.toString(), "."));
        store.importFrom("busybox", tar, ImageConfig.DEFAULT);
        String root = store.directory().resolve("busybox/rootfs").toString();
        assertThat(run(List.of("chroot", root, "/bin/sh", "-c", "cat /etc/passwd && id -u")))
                .isEqualTo("root:x:0:0:root:/root:/bin/sh\n0\n");
    }

    private static String run(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return output;
    }

    private boolean isRoot() throws IOException {
        return Files.getAttribute(directory, "unix:uid").equals(0);
    }

    private static int mode(Path file) throws IOException {
        return (Integer) Files.getAttribute(file, "unix:mode") & 07777;
    }

    private static void chmod(Path file, int mode) throws IOException {
        Files.setAttribute(file, "unix:mode", mode);
    }

    private static boolean set(Path file, String name, byte[] value) throws Posix.Failure {
        int opened = Posix.openat(Posix.AT_FDCWD, file.toString(), Posix.O_RDONLY, 0);
        try {
            Posix.fsetxattr(opened, name, value);
            return true;
        } catch (Posix.Failure e) {
            if (e.errno() == Posix.ENOTSUP || e.errno() == Posix.EPERM) {
                return false;
            }
            throw e;
        } finally {
            Posix.close(opened);
        }
    }

    private static byte[] get(Path file, String name) throws Posix.Failure {
        int opened = Posix.openat(Posix.AT_FDCWD, file.toString(), Posix.O_RDONLY, 0);
        try {
            return Posix.fgetxattr(opened, name);
        } finally {
            Posix.close(opened);
        }
    }

    private static List<String> attributes(Path file) throws Posix.Failure {
        int opened = Posix.openat(Posix.AT_FDCWD, file.toString(), Posix.O_RDONLY, 0);
        try {
            return List.of(Posix.flistxattr(opened)).stream()
                    .filter(name -> name.startsWith("user."))
                    .toList();
        } finally {
            Posix.close(opened);
        }
    }
}
