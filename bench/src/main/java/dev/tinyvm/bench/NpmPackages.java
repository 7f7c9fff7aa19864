package dev.tinyvm.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Scripts of a benchmark with the npm packages that they need, pinned; installed once into a directory of the user's cache. */
final class NpmPackages {
    private NpmPackages() {}

    /**
     * The directory with files and packages; one for each content of the files.
     *
     * @param resources directory of the files beside this class, such as {@code e2b}
     * @param files a {@code package.json} and its lock among them
     * @throws IOException npm is missing, or the packages cannot be had
     */
    static Path install(String resources, List<String> files, Path cache, Consumer<String> progress)
            throws IOException, InterruptedException {
        Map<String, byte[]> contents = new LinkedHashMap<>();
        int hash = 1;
        for (String name : files) {
            try (InputStream in = NpmPackages.class.getResourceAsStream(resources + "/" + name)) {
                if (in == null) {
                    throw new IOException("the program lacks its file " + resources + "/" + name + "; build it again");
                }
                byte[] content = in.readAllBytes();
                contents.put(name, content);
                hash = 31 * hash + java.util.Arrays.hashCode(content);
            }
        }
        Path directory = cache.resolve("bench-" + resources + "-" + Integer.toHexString(hash));
        if (Files.isDirectory(directory)) {
            return directory;
        }
        progress.accept("installing npm packages into " + directory);
        Files.createDirectories(cache);
        Path fresh = Files.createTempDirectory(cache, "bench-" + resources + "-new-");
        try {
            for (Map.Entry<String, byte[]> file : contents.entrySet()) {
                Files.write(fresh.resolve(file.getKey()), file.getValue());
            }
            run(fresh, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
            run(fresh, "chmod", "-R", "a+rX", ".");
            Files.move(fresh, directory, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
            delete(fresh); // another run was faster
        } catch (IOException e) {
            delete(fresh);
            throw e;
        }
        return directory;
    }

    static void delete(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static void run(Path directory, String... command) throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .directory(directory.toFile())
                    .redirectErrorStream(true)
                    .start();
        } catch (IOException e) {
            throw new IOException(command[0] + " cannot be started; this benchmark needs Node 20 and npm", e);
        }
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(
                    command[0] + " failed: " + said.strip().lines().limit(8).toList());
        }
    }
}
