package dev.tinyvm.cli;

import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Properties;

/**
 * What a manager writes into its data directory so that commands on the same machine find it. Its key lies beside it, readable for root and
 * the manager alone.
 *
 * @param url such as {@code http://127.0.0.1:7070}
 * @param pid of the manager's process
 */
public record RunningManager(String url, long pid) {
    private static final int RUN_NAME_CHARACTERS = 12;

    /** The part of a data directory that belongs to the manager; the rest is root's. */
    public static final String DIRECTORY = "manager";

    /** The file that holds this record, below the data directory. */
    public static final String FILE = DIRECTORY + "/address";

    /** The file with the key for commands on this machine, below the data directory. */
    public static final String KEY_FILE = DIRECTORY + "/cli.key";

    /** Where root's manager keeps its data. */
    public static final Path ROOT_DATA = Path.of("/var/lib/tinyvm");

    /** The default data directory of the user that runs this. */
    public static Path defaultData(Shell shell) {
        if (System.getProperty("user.name", "").equals("root")) {
            return ROOT_DATA;
        }
        String data = shell.variable("XDG_DATA_HOME");
        return data.isEmpty()
                ? Path.of(System.getProperty("user.home", "/"), ".local/share/tinyvm")
                : Path.of(data, "tinyvm");
    }

    /** The short directory of its own for the sockets of that data directory; names of sockets may have 107 bytes at most (unix(7)). */
    public static Path runDirectory(Path data) {
        try {
            byte[] path = data.toAbsolutePath().normalize().toString().getBytes(StandardCharsets.UTF_8);
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(path);
            return Path.of("/run/tinyvm", HexFormat.of().formatHex(hash).substring(0, RUN_NAME_CHARACTERS));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JDK has no SHA-256", e);
        }
    }

    /** As written in that directory; empty when there is nothing, or nothing that this user may read. */
    public static Optional<RunningManager> read(Path data) {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(data.resolve(FILE))) {
            properties.load(reader);
            return Optional.of(new RunningManager(
                    properties.getProperty("url", ""), Long.parseLong(properties.getProperty("pid", "0"))));
        } catch (IOException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** Writes it for everyone to read; a reader sees the old or the new file. */
    public void write(Path data) throws IOException {
        Path fresh = data.resolve(FILE + ".new");
        Properties properties = new Properties();
        properties.setProperty("url", url);
        properties.setProperty("pid", Long.toString(pid));
        try (Writer writer = Files.newBufferedWriter(fresh)) {
            properties.store(writer, null);
        }
        Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-r--r--"));
        Files.move(fresh, data.resolve(FILE), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Whether a process with its pid exists. */
    public boolean alive() {
        return pid > 0 && ProcessHandle.of(pid).isPresent();
    }
}
