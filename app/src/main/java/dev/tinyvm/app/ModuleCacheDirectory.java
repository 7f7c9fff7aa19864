package dev.tinyvm.app;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where compiled WebAssembly modules outlive a private manager. Its classes run in the JVM, so the directory must be this user's alone: made with mode
 * 700, and not used when anybody else owns it or may write to it.
 */
final class ModuleCacheDirectory {
    private static final Set<PosixFilePermission> PRIVATE = PosixFilePermissions.fromString("rwx------");
    private static final Set<PosixFilePermission> SHARED = PosixFilePermissions.fromString("rwxr-xr-x");

    private ModuleCacheDirectory() {}

    /** What the build has compiled beforehand, as trusted as the program's own jars beside it; empty when it is not there. */
    static Optional<Path> prepared() {
        String home = System.getProperty("tinyvm.home", "");
        return home.isEmpty()
                ? Optional.empty()
                : Optional.of(Path.of(home, "wasm")).filter(Files::isDirectory);
    }

    /**
     * Of the user who runs this. Source: XDG Base Directory Specification.
     *
     * @throws IOException it cannot be made, or must not be trusted; the message says why
     */
    static Path ofUser(Map<String, String> environment, int uid) throws IOException {
        String named = environment.getOrDefault("XDG_CACHE_HOME", "");
        String home = environment.getOrDefault("HOME", "");
        if (!named.startsWith("/") && home.isEmpty()) {
            throw new IOException("neither XDG_CACHE_HOME nor HOME is set");
        }
        Path parent = (named.startsWith("/") ? Path.of(named) : Path.of(home, ".cache")).resolve("tinyvm");
        Files.createDirectories(parent);
        return own(parent.resolve("wasm"), uid);
    }

    /** Of a manager that was started by root and becomes that user. Only root may put a directory there. @param parent such as {@code /var/cache} */
    static Path ofService(Path parent, int uid) throws IOException {
        Path ours = parent.resolve("tinyvm");
        make(ours, SHARED);
        PosixFileAttributes attributes = attributes(ours);
        if (uid(ours) != 0 || writableByOthers(attributes)) {
            throw new IOException(ours + " is not root's alone");
        }
        Path directory = ours.resolve("wasm-" + Integer.toUnsignedString(uid));
        if (make(directory, PRIVATE)) {
            Files.setAttribute(directory, "unix:gid", uid, LinkOption.NOFOLLOW_LINKS);
            Files.setAttribute(directory, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
        }
        return trusted(directory, uid);
    }

    private static Path own(Path directory, int uid) throws IOException {
        make(directory, PRIVATE);
        return trusted(directory, uid);
    }

    private static boolean make(Path directory, Set<PosixFilePermission> permissions) throws IOException {
        try {
            Files.createDirectory(directory);
            Files.setPosixFilePermissions(directory, permissions);
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        }
    }

    private static Path trusted(Path directory, int uid) throws IOException {
        PosixFileAttributes attributes = attributes(directory);
        if (!attributes.isDirectory()) {
            throw new IOException(directory + " is no directory");
        }
        if (uid(directory) != uid || writableByOthers(attributes)) {
            throw new IOException(
                    directory + " belongs to another user or can be written to by others; remove it, or chmod 700 it");
        }
        return directory;
    }

    private static PosixFileAttributes attributes(Path path) throws IOException {
        return Files.readAttributes(path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    }

    private static int uid(Path path) throws IOException {
        return (int) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    }

    private static boolean writableByOthers(PosixFileAttributes attributes) {
        return attributes.permissions().contains(PosixFilePermission.GROUP_WRITE)
                || attributes.permissions().contains(PosixFilePermission.OTHERS_WRITE);
    }
}
