package dev.tinyvm.tests;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** {@code examples/agents} with its npm packages installed, in the cache of the tests: one directory for each lock file, so that a second run needs no network. */
final class AgentPackages {
    private static final Path EXAMPLE = Repository.ROOT.resolve("examples/agents");
    private static final List<String> LOCK = List.of("package.json", "package-lock.json");
    private static final List<String> FILES =
            List.of("agent.yaml", "loop.yaml", "models.json", "pi.sh", "loop.mjs", "sdks.mjs", "script.yaml");

    private AgentPackages() {}

    /** The directory, for a volume. */
    static Path directory() throws IOException, InterruptedException {
        Assumptions.assumeTrue(has("npm", "--version"), "npm is not installed");
        Assumptions.assumeTrue(has("node", "--version"), "Node is not installed");
        String named = System.getenv("TINYVM_TEST_CACHE");
        Path cache = Path.of(named == null || named.isEmpty() ? "/var/tmp/tinyvm-test-cache" : named);
        Path directory = cache.resolve("agents-" + digest());
        if (!Files.exists(directory.resolve("node_modules"))) {
            install(cache, directory);
        }
        for (String file : FILES) {
            Files.copy(EXAMPLE.resolve(file), directory.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
        Shell.run(directory, "chmod", "a+rX", directory.toString(), cache.toString());
        return directory;
    }

    private static void install(Path cache, Path directory) throws IOException, InterruptedException {
        Files.createDirectories(cache);
        Path fresh = Files.createTempDirectory(cache, "agents-new-");
        for (String file : LOCK) {
            Files.copy(EXAMPLE.resolve(file), fresh.resolve(file));
        }
        Shell.run(fresh, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
                .expectSuccess();
        Shell.run(fresh, "chmod", "-R", "a+rX", fresh.toString()).expectSuccess();
        try {
            Files.move(fresh, directory, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileAlreadyExistsException | DirectoryNotEmptyException | AtomicMoveNotSupportedException e) {
            // Another run was faster.
            Shell.run(cache, "rm", "-rf", fresh.toString()).expectSuccess();
        }
    }

    private static String digest() throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (String file : LOCK) {
                digest.update(Files.readString(EXAMPLE.resolve(file)).getBytes(StandardCharsets.UTF_8));
            }
            return HexFormat.of().formatHex(digest.digest()).substring(0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static boolean has(String... command) throws InterruptedException {
        try {
            return Shell.run(Path.of("/"), command).exitCode() == 0;
        } catch (IOException e) {
            return false;
        }
    }
}
