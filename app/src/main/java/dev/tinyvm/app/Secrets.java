package dev.tinyvm.app;

import dev.tinyvm.cli.RunningManager;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

/**
 * What {@code tinyvm secret set} stores: {@code secrets/NAME} in the data directory, mode 0600, owned by the manager's user, who reads it again after a change. The directory stays root's, so an intruder in the manager
 * can lead root's writes nowhere.
 */
record Secrets(Path data) {
    Path directory() {
        return data.resolve("secrets");
    }

    /** Names, sorted. */
    List<String> names() throws IOException {
        List<String> names = new ArrayList<>();
        if (Files.isDirectory(directory(), LinkOption.NOFOLLOW_LINKS)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(directory())) {
                for (Path file : files) {
                    String name = String.valueOf(file.getFileName());
                    if (!name.endsWith(".new")) {
                        names.add(name);
                    }
                }
            }
        }
        names.sort(null);
        return names;
    }

    /** Puts it in the place of what was there; a reader sees the old or the new one. */
    void set(String name, String value) throws IOException {
        if (Files.notExists(data)) {
            Files.createDirectories(data);
            Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwx--x--x"));
        }
        if (Files.notExists(directory(), LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectory(directory());
        }
        Files.setPosixFilePermissions(directory(), PosixFilePermissions.fromString("rwx--x--x"));
        Path fresh = directory().resolve(name + ".new");
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.write(fresh, value.getBytes(StandardCharsets.UTF_8));
        Path state = data.resolve(RunningManager.DIRECTORY);
        if (Files.isDirectory(state, LinkOption.NOFOLLOW_LINKS)) {
            give(fresh, (Integer) Files.getAttribute(state, "unix:uid", LinkOption.NOFOLLOW_LINKS));
        }
        Files.move(
                fresh, directory().resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** False when there was none. */
    boolean remove(String name) throws IOException {
        return Files.deleteIfExists(directory().resolve(name));
    }

    /** Lets the manager's user read them. */
    void giveTo(int uid) throws IOException {
        for (String name : names()) {
            give(directory().resolve(name), uid);
        }
    }

    private static void give(Path file, int uid) throws IOException {
        if (!Files.getAttribute(file, "unix:uid", LinkOption.NOFOLLOW_LINKS).equals(uid)) {
            Files.setAttribute(file, "unix:gid", uid, LinkOption.NOFOLLOW_LINKS);
            Files.setAttribute(file, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
        }
    }
}
