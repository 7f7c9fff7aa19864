package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.RunningManager;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;

/**
 * What one manager keeps on disk, and the lock that keeps a second manager off.
 *
 * <pre>
 *   lock          held while a manager runs
 *   tinyvm.yaml   the configuration, unless another is named
 *   spawner.log   what the spawner has to say
 *   images/       root's: imported images
 *   programs/     root's: .wasm, .js and .mjs files that descriptors may name
 *   pool/         root's: writable layers
 *   volumes/      root's: named volumes
 *   secrets/      root's: keys of LLM providers, each readable by the manager alone
 *   manager/      the manager's own, who is not root: database, logs of Tiny VMs, address, cli.key, manager.log
 * </pre>
 *
 * <p>The directory itself stays root's, so that an intruder in the manager cannot put something else in the place of what the spawner trusts.
 */
final class DataDirectory implements AutoCloseable {
    private static final int KEY_BYTES = 20;

    private final Path path;
    private final FileChannel channel;
    private final FileLock lock;

    private DataDirectory(Path path, FileChannel channel, FileLock lock) {
        this.path = path;
        this.channel = channel;
        this.lock = lock;
    }

    /** Makes it if need be and locks it. */
    static DataDirectory open(Path directory) {
        Path path = directory.toAbsolutePath().normalize();
        try {
            Files.createDirectories(path);
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwx--x--x"));
            for (String root : new String[] {"images", "pool", "programs", "volumes"}) {
                Files.createDirectories(path.resolve(root));
            }
            Files.setPosixFilePermissions(path.resolve("images"), PosixFilePermissions.fromString("rwxr-xr-x"));
            Files.setPosixFilePermissions(path.resolve("programs"), PosixFilePermissions.fromString("rwxr-xr-x"));
            Files.setPosixFilePermissions(path.resolve("pool"), PosixFilePermissions.fromString("rwx------"));
            Files.setPosixFilePermissions(path.resolve("volumes"), PosixFilePermissions.fromString("rwx------"));
            FileChannel channel = FileChannel.open(
                    path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            FileLock lock = tryLock(channel);
            if (lock == null) {
                String pid = read(channel);
                channel.close();
                throw new CliException(
                        ExitCode.FAILED,
                        "another manager runs with the data directory " + path
                                + (pid.isEmpty() ? "" : " (process " + pid + ")"),
                        "Stop it with: tinyvm --data " + path + " down   or choose another directory with --data");
            }
            channel.truncate(0)
                    .write(ByteBuffer.wrap(
                            Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)));
            return new DataDirectory(path, channel, lock);
        } catch (AccessDeniedException e) {
            throw new CliException(
                    ExitCode.FAILED,
                    "the data directory " + path + " cannot be used: permission denied",
                    "Choose another with --data, or use sudo");
        } catch (IOException e) {
            throw new CliException(
                    ExitCode.FAILED,
                    "the data directory " + path + " cannot be used: " + e.getMessage(),
                    "Choose another with --data");
        }
    }

    Path path() {
        return path;
    }

    Path images() {
        return path.resolve("images");
    }

    Path programs() {
        return path.resolve("programs");
    }

    /** The sparse file that holds writable layers. */
    Path pool() {
        return path.resolve("pool/layers");
    }

    /** The sparse file that holds named volumes; never formatted again once it holds something. */
    Path volumes() {
        return path.resolve("volumes/volumes");
    }

    Path spawnerLog() {
        return path.resolve("spawner.log");
    }

    Path managerState() {
        return path.resolve(RunningManager.DIRECTORY);
    }

    Path managerLog() {
        return managerState().resolve("manager.log");
    }

    Path defaultConfiguration() {
        return path.resolve("tinyvm.yaml");
    }

    /** A short directory of its own for sockets, whose names may have 107 bytes at most (unix(7)). */
    Path runDirectory() {
        return RunningManager.runDirectory(path);
    }

    /** Gives the manager's part to its user. Everything below is walked only when the owner changes. */
    void giveTo(int uid) throws IOException {
        Path state = managerState();
        Files.createDirectories(state);
        Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwx--x--x"));
        if (Files.getAttribute(state, "unix:uid", LinkOption.NOFOLLOW_LINKS).equals(uid)) {
            return;
        }
        Files.walkFileTree(state, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                return give(file);
            }

            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
                    throws IOException {
                return give(directory);
            }

            private FileVisitResult give(Path file) throws IOException {
                Files.setAttribute(file, "unix:gid", uid, LinkOption.NOFOLLOW_LINKS);
                Files.setAttribute(file, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /** The key for commands of root and of the manager's user on this machine; made once. */
    String localKey() throws IOException {
        Path file = path.resolve(RunningManager.KEY_FILE);
        if (Files.exists(file)) {
            return Files.readString(file).strip();
        }
        byte[] random = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(random);
        String key = "e2b_" + HexFormat.of().formatHex(random);
        Path fresh = file.resolveSibling("cli.key.new");
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(fresh, key + "\n");
        Files.move(fresh, file);
        return key;
    }

    @Override
    public void close() {
        try {
            lock.release();
            channel.close();
        } catch (IOException e) {
            throw new IllegalStateException("the lock of " + path + " could not be released: " + e.getMessage(), e);
        }
    }

    private static @org.jspecify.annotations.Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null; // held by this very process
        }
    }

    private static String read(FileChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(32);
        int count = channel.read(bytes, 0);
        return count <= 0 ? "" : new String(bytes.array(), 0, count, StandardCharsets.US_ASCII).strip();
    }
}
