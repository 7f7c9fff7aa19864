package dev.tinyvm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.GuestFiles.Change;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.engine.GuestFiles.WriteOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** The file half of {@link EngineContract}. */
public abstract class FilesContract extends ContractFixture {
    private static final WriteOptions ATOMIC = new WriteOptions(0644, false, false, false, true);

    @Test
    void aFileIsWrittenReadAndDescribed() throws Exception {
        GuestFiles files = machine().files();
        write(files, "notes.txt", "hello");
        assertThat(text(files, "notes.txt")).isEqualTo("hello");
        Entry entry = files.stat("", "/home/user/notes.txt", true);
        assertThat(entry.type()).isEqualTo(Entry.Type.FILE);
        assertThat(entry.size()).isEqualTo(5);
        assertThat(entry.mode()).isEqualTo(0644);
        assertThat(entry.owner()).isEqualTo("user");
        assertThat(entry.path()).isEqualTo("/home/user/notes.txt");
        assertThat(entry.linkTarget()).isEmpty();
    }

    @Test
    void aPartOfAFileCanBeRead() throws Exception {
        GuestFiles files = machine().files();
        write(files, "digits", "0123456789");
        try (var stream = files.read("", "digits", 3, 4).stream()) {
            assertThat(new String(stream.readAllBytes(), StandardCharsets.UTF_8))
                    .isEqualTo("3456");
        }
    }

    @Test
    void aBigFileComesBackUnchanged() throws Exception {
        GuestFiles files = machine().files();
        byte[] big = new byte[3_000_001];
        new Random(1).nextBytes(big);
        try (var stream = files.write("", "big", WriteOptions.REPLACE)) {
            stream.write(big, 0, big.length);
        }
        try (var stream = files.read("", "big", 0, -1).stream()) {
            assertThat(stream.readAllBytes()).isEqualTo(big);
        }
        assertThat(files.stat("", "big", true).size()).isEqualTo(big.length);
    }

    @Test
    void anEmptyFileCanBeWrittenAndRead() throws Exception {
        GuestFiles files = machine().files();
        write(files, "empty", "");
        assertThat(text(files, "empty")).isEmpty();
    }

    @Test
    void aReaderMayStopHalfWay() throws Exception {
        GuestFiles files = machine().files();
        byte[] big = new byte[1 << 20];
        try (var stream = files.write("", "big", WriteOptions.REPLACE)) {
            stream.write(big, 0, big.length);
        }
        for (int i = 0; i < 20; i++) {
            try (var stream = files.read("", "big", 0, -1).stream()) {
                assertThat(stream.read()).isZero();
            }
        }
        assertThat(files.stat("", "big", true).size()).isEqualTo(big.length);
    }

    @Test
    void writesAppendExcludeMakeParentsOrReplaceAtOnce() throws Exception {
        GuestFiles files = machine().files();
        write(files, "log", "one");
        write(files, "log", "two", new WriteOptions(0644, false, true, false, false));
        assertThat(text(files, "log")).isEqualTo("onetwo");
        assertErrno(Errno.EEXIST, () -> write(files, "log", "x", new WriteOptions(0644, false, false, true, false)));
        write(files, "a/b/c", "deep", new WriteOptions(0600, true, false, false, false));
        assertThat(text(files, "a/b/c")).isEqualTo("deep");
        write(files, "log", "three", ATOMIC);
        assertThat(text(files, "log")).isEqualTo("three");
    }

    @Test
    void anAbortedAtomicWriteLeavesTheOldFile() throws Exception {
        GuestFiles files = machine().files();
        write(files, "kept", "old");
        GuestFiles.WriteStream stream = files.write("", "kept", ATOMIC);
        stream.write("new".getBytes(StandardCharsets.UTF_8));
        stream.abort();
        stream.close();
        assertThat(text(files, "kept")).isEqualTo("old");
        await(
                "no temporary file",
                () -> files.list("", "/home/user", 1).stream()
                        .noneMatch(e -> e.size() == 3 && !e.path().equals("kept")));
    }

    @Test
    void failuresCarryTheKernelsErrno() throws Exception {
        GuestFiles files = machine().files();
        write(files, "file", "x");
        files.makeDirectory("", "dir/sub", 0755, true);
        assertErrno(Errno.ENOENT, () -> files.stat("", "absent", true));
        assertErrno(Errno.ENOENT, () -> text(files, "absent"));
        assertErrno(Errno.ENOTDIR, () -> files.stat("", "file/x", true));
        assertErrno(Errno.ENOTDIR, () -> files.list("", "file", 1));
        assertErrno(Errno.EISDIR, () -> text(files, "dir"));
        assertErrno(Errno.EISDIR, () -> write(files, "dir", "x"));
        assertErrno(Errno.EEXIST, () -> files.makeDirectory("", "dir", 0755, false));
        assertErrno(Errno.ENOTEMPTY, () -> files.remove("", "dir", false));
        assertErrno(Errno.EEXIST, () -> files.rename("", "file", "dir", true));
        assertErrno(Errno.EACCES, () -> text(files, "/etc/shadow"), Errno.ENOENT);
        assertErrno(Errno.EACCES, () -> files.list("", "/root", 1));
        assertErrno(Errno.EACCES, () -> write(files, "/etc/mine", "x"));
        files.symlink("", "loop", "loop");
        assertErrno(Errno.ELOOP, () -> files.stat("", "loop", true));
    }

    @Test
    void directoriesAreListedParentsFirst() throws Exception {
        GuestFiles files = machine().files();
        files.makeDirectory("", "tree/a/b", 0755, true);
        write(files, "tree/a/b/leaf", "x");
        assertThat(files.list("", "tree", 1)).extracting(Entry::path).containsExactly("a");
        assertThat(files.list("", "tree", 3)).extracting(Entry::path).containsExactly("a", "a/b", "a/b/leaf");
    }

    @Test
    void aDirectoryOfManyFilesIsListedWhole() throws Exception {
        GuestFiles files = machine().files();
        for (int i = 0; i < 1000; i++) {
            files.symlink("", "target-" + i, "link-with-a-rather-long-name-" + i);
        }
        assertThat(files.list("", "/home/user", 1))
                .filteredOn(e -> e.type() == Entry.Type.SYMLINK)
                .hasSize(1000)
                .allSatisfy(e -> assertThat(e.linkTarget()).isPresent());
    }

    @Test
    void renameRemoveChmodChownAndSymlinkWork() throws Exception {
        GuestFiles files = machine().files();
        write(files, "a", "content");
        files.rename("", "a", "b", false);
        assertErrno(Errno.ENOENT, () -> files.stat("", "a", true));
        files.chmod("", "b", 0750);
        assertThat(files.stat("", "b", true).mode()).isEqualTo(0750);
        files.chown("/home/user/b", "root");
        assertThat(files.stat("", "b", true).uid()).isZero();
        files.symlink("", "b", "link");
        assertThat(files.stat("", "link", false).linkTarget()).contains("b");
        assertThat(files.stat("root", "/home/user/link", true).type()).isEqualTo(Entry.Type.FILE);
        files.makeDirectory("", "tree/sub", 0755, true);
        files.remove("", "tree", true);
        assertErrno(Errno.ENOENT, () -> files.stat("", "tree", true));
    }

    @Test
    void extendedAttributesAreKeptOrRefused() throws Exception {
        GuestFiles files = machine().files();
        write(files, "file", "x");
        assertThat(files.attributes("", List.of("file", "absent"))).containsExactly(Map.of(), Map.of());
        try {
            files.setAttribute("", "file", "user.word", "é");
        } catch (GuestFileException e) {
            assertThat(e.errno()).isEqualTo(Errno.EOPNOTSUPP);
            return;
        }
        files.setAttribute("", "file", "user.gone", "");
        files.removeAttribute("", "file", "user.gone");
        files.removeAttribute("", "file", "user.gone");
        files.rename("", "file", "renamed", false);
        assertThat(files.attributes("root", List.of("/home/user/renamed"))).containsExactly(Map.of("user.word", "é"));
        assertErrno(Errno.EINVAL, () -> files.setAttribute("root", "/home/user/renamed", "trusted.x", "y"));
        assertErrno(Errno.E2BIG, () -> files.setAttribute("", "renamed", "user.long", "y".repeat(5000)));
        assertErrno(Errno.ENOENT, () -> files.setAttribute("", "absent", "user.x", "y"));
        assertErrno(Errno.EACCES, () -> files.setAttribute("", "/etc/passwd", "user.x", "y"), Errno.ENOENT);
    }

    @Test
    void theAttributesOfManyFilesAreReadInOrder() throws Exception {
        GuestFiles files = machine().files();
        List<String> paths = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            files.makeDirectory("", "d" + i, 0755, false);
            paths.add("d" + i);
        }
        boolean kept = true;
        try {
            files.setAttribute("", "d299", "user.last", "yes");
        } catch (GuestFileException e) {
            kept = false;
        }
        List<Map<String, String>> found = files.attributes("", paths);
        assertThat(found).hasSize(300);
        assertThat(found.getLast()).isEqualTo(kept ? Map.of("user.last", "yes") : Map.of());
    }

    @Test
    void ownersAreChangedBelowRootsPrivateDirectories() throws Exception {
        GuestFiles files = machine().files();
        files.makeDirectory("root", "/root/private", 0700, true);
        files.chown("/root/private", "user");
        assertThat(files.stat("root", "/root/private", false).owner()).isEqualTo("user");
    }

    @Test
    void aWatchSeesChangesUntilItIsClosed() throws Exception {
        GuestFiles files = machine().files();
        files.makeDirectory("", "watched/sub", 0755, true);
        List<Change> seen = new CopyOnWriteArrayList<>();
        try (AutoCloseable watch = files.watch("", "watched", true, seen::add)) {
            assertThat(watch).isNotNull();
            write(files, "watched/sub/file", "x");
            await("the creation", () -> seen.contains(new Change(Change.Kind.CREATE, "sub/file")));
            await("the write", () -> seen.contains(new Change(Change.Kind.WRITE, "sub/file")));
            files.remove("", "watched/sub/file", false);
            await("the removal", () -> seen.contains(new Change(Change.Kind.REMOVE, "sub/file")));
        }
    }

    @Test
    void aWatchThatIsNotRecursiveSeesOnlyItsOwnDirectory() throws Exception {
        GuestFiles files = machine().files();
        files.makeDirectory("", "watched/sub", 0755, true);
        List<Change> seen = new CopyOnWriteArrayList<>();
        try (AutoCloseable watch = files.watch("", "watched", false, seen::add)) {
            assertThat(watch).isNotNull();
            write(files, "watched/sub/hidden", "x");
            write(files, "watched/seen", "x");
            await("the creation", () -> seen.contains(new Change(Change.Kind.CREATE, "seen")));
            assertThat(seen).extracting(Change::path).doesNotContain("sub/hidden");
        }
    }

    protected static void write(GuestFiles files, String path, String text) throws IOException {
        write(files, path, text, WriteOptions.REPLACE);
    }

    protected static void write(GuestFiles files, String path, String text, WriteOptions options) throws IOException {
        try (var stream = files.write("", path, options)) {
            stream.write(text.getBytes(StandardCharsets.UTF_8));
        }
    }

    protected static String text(GuestFiles files, String path) throws IOException {
        try (var stream = files.read("", path, 0, -1).stream()) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static void assertErrno(int errno, ThrowingCallable call, int... orElse) {
        assertThatThrownBy(call).isInstanceOfSatisfying(GuestFileException.class, e -> {
            if (orElse.length == 0 || e.errno() != orElse[0]) {
                assertThat(e.code()).as(e.getMessage()).isEqualTo(Errno.name(errno));
            }
            assertThat(e).hasMessageNotContaining("null");
        });
    }
}
