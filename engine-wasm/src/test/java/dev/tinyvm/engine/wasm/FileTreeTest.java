package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What only a module with descriptors of its own, or a quota at its edge, can ask of the tree. */
class FileTreeTest {
    private static final int UID = 1000;
    private static final long HEAP_BYTES = 64L << 20;

    @TempDir
    private Path host;

    private final HeapBudget heap = new HeapBudget(HEAP_BYTES);
    private FileTree tree;

    @BeforeEach
    void make() {
        tree = new FileTree(host.resolve("disk"), 4 << 20, heap, "tiny");
    }

    @AfterEach
    void closeGivesEverythingBack() {
        tree.close();
        assertThat(heap.leftBytes()).isEqualTo(HEAP_BYTES);
        assertThat(Files.exists(host.resolve("disk"))).isFalse();
    }

    @Test
    void aDirectoryCannotBeMovedIntoItselfThroughADescriptorBelowIt() {
        directory(tree.root(), "/tmp/a");
        FileNode below = directory(tree.root(), "/tmp/a/b");
        assertErrno(Errno.EINVAL, () -> tree.rename(tree.root(), "/tmp/a", below, "c", UID, false));
        assertErrno(Errno.EINVAL, () -> tree.rename(tree.root(), "/tmp/a", tree.root(), "/tmp/a/b/c", UID, false));
        assertThat(tree.find(tree.root(), "/tmp/a/b", UID, true)).isSameAs(below);
    }

    @Test
    void aTreeIsOnlySoDeep() {
        FileNode here = tree.find(tree.root(), "/tmp", UID, true);
        for (int depth = 2; depth <= FileTree.MAX_DEPTH; depth++) {
            here = directory(here, "d");
        }
        FileNode deepest = here;
        assertErrno(Errno.ENAMETOOLONG, () -> directory(deepest, "d"));
        directory(tree.root(), "/tmp/other");
        assertErrno(
                Errno.ENAMETOOLONG, () -> tree.rename(tree.root(), "/tmp/d", tree.root(), "/tmp/other/d", UID, false));
        tree.remove(tree.root(), "/tmp/d", UID, null, true);
    }

    @Test
    void namesThatEndInDotsAreNoNames() {
        directory(tree.root(), "/tmp/a");
        directory(tree.root(), "/tmp/a/b");
        assertErrno(Errno.EBUSY, () -> tree.remove(tree.root(), "/tmp/a/b/..", UID, null, true));
        assertErrno(Errno.EBUSY, () -> tree.remove(tree.root(), "/", Users.ROOT, null, true));
        assertErrno(Errno.EBUSY, () -> tree.rename(tree.root(), "/tmp/a/b/..", tree.root(), "/tmp/c", UID, false));
        assertErrno(Errno.ENAMETOOLONG, () -> directory(tree.root(), "/tmp/" + "x".repeat(256)));
        directory(tree.root(), "/tmp/" + "x".repeat(255));
    }

    @Test
    void anUnlinkedFileLivesUntilItIsClosedAndThenItsBlocksAreFree() {
        FileNode file = tree.make(tree.root(), "/tmp/file", UID, Entry.Type.FILE, 0644, "");
        tree.open(file);
        byte[] bytes = new byte[100_000];
        bytes[99_999] = 7;
        assertThat(tree.write(file, 0, false, bytes, 0, bytes.length)).isEqualTo(bytes.length);
        long used = tree.disk().usedBytes();
        tree.remove(tree.root(), "/tmp/file", UID, null, false);
        byte[] last = new byte[1];
        assertThat(tree.read(file, 99_999, last, 0, 1)).isEqualTo(1);
        assertThat(last[0]).isEqualTo((byte) 7);
        tree.close(file);
        assertThat(tree.disk().usedBytes()).isEqualTo(used - 26L * BlockDisk.BLOCK_BYTES);
    }

    @Test
    void whatWasCutOffOrNeverWrittenReadsAsZero() {
        FileNode file = tree.make(tree.root(), "/tmp/file", UID, Entry.Type.FILE, 0644, "");
        byte[] ones = new byte[10_000];
        java.util.Arrays.fill(ones, (byte) 1);
        tree.write(file, 0, false, ones, 0, ones.length);
        tree.resize(file, 5000);
        tree.resize(file, 20_000);
        tree.write(file, 30_000, false, ones, 0, 1);
        byte[] all = new byte[30_001];
        assertThat(tree.read(file, 0, all, 0, all.length)).isEqualTo(all.length);
        for (int i = 0; i < all.length; i++) {
            assertThat(all[i]).as("byte %d", i).isEqualTo((byte) (i < 5000 || i == 30_000 ? 1 : 0));
        }
    }

    @Test
    void aFileCannotBeLargerThanTheDisk() {
        FileNode file = tree.make(tree.root(), "/tmp/file", UID, Entry.Type.FILE, 0644, "");
        assertErrno(Errno.EFBIG, () -> tree.resize(file, 1L << 40));
        assertErrno(Errno.EFBIG, () -> tree.write(file, 1L << 50, false, new byte[1], 0, 1));
        assertErrno(Errno.EFBIG, () -> tree.write(file, Long.MAX_VALUE, false, new byte[1], 0, 1));
        assertThat(file.size()).isZero();
    }

    private FileNode directory(FileNode floor, String path) {
        return tree.make(floor, path, UID, Entry.Type.DIRECTORY, 0755, "");
    }

    private static void assertErrno(int errno, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        GuestFileException.class, e -> assertThat(e.code()).isEqualTo(Errno.name(errno)));
    }
}
