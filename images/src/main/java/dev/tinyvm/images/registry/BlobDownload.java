package dev.tinyvm.images.registry;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;

/** One blob's way into a file. A broken transfer goes on with a {@code Range} request where it ended. Confined to one thread. */
final class BlobDownload {
    private static final int BUFFER_BYTES = 1 << 17;
    /** However much progress each makes: a registry that gives a byte at a time is given up. */
    private static final int MAX_CONNECTIONS = 100;

    private final RegistryHttp http;
    private final Digest digest;
    private final long size;
    private final Path partial;
    private final LongConsumer progress;
    private final RegistryHttp.Call call;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private MessageDigest hash = Digest.sha256();
    private long have;
    private long transferred;
    /** Whether some of the bytes were there before this transfer began. */
    private boolean inherited;

    BlobDownload(RegistryHttp http, Reference image, Digest digest, long size, Path partial, LongConsumer progress) {
        this.http = http;
        this.digest = digest;
        this.size = size;
        this.partial = partial;
        this.progress = progress;
        this.call = RegistryHttp.Call.get(
                image.api(image.repository() + "/blobs/" + digest),
                image,
                Map.of(),
                "the blob " + digest.abbreviated() + " of `" + image + "` could not be pulled");
    }

    /** @return bytes that came over the network */
    long run() {
        try (FileChannel file = FileChannel.open(
                partial, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            inherit(file);
            if (!complete(file)) {
                // What an earlier process left may be damaged, so that gets a second chance from the beginning.
                boolean again = inherited;
                restart(file);
                if (!again || !complete(file)) {
                    throw mismatch();
                }
            }
            return transferred;
        } catch (IOException e) {
            throw new RegistryException(
                    RegistryException.Code.IO,
                    call.attempted() + ": " + partial + " cannot be written: "
                            + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()),
                    e);
        }
    }

    private void inherit(FileChannel file) throws IOException {
        if (file.size() > size) {
            file.truncate(0);
        }
        inherited = file.size() > 0;
        ByteBuffer bytes = ByteBuffer.wrap(buffer);
        while (file.read(bytes.clear(), have) > 0) {
            hash.update(bytes.flip());
            have += bytes.limit();
        }
        progress.accept(have);
    }

    private void restart(FileChannel file) throws IOException {
        file.truncate(0);
        hash = Digest.sha256();
        have = 0;
        inherited = false;
        progress.accept(0);
    }

    /** Transfers what is missing; whether the content is right. */
    private boolean complete(FileChannel file) throws IOException {
        int fruitless = 0;
        for (int connections = 0; have < size; connections++) {
            long before = have;
            IOException broken = attempt(file);
            fruitless = have > before ? 0 : fruitless + 1;
            if (have < size && (fruitless >= http.options().attempts() || connections >= MAX_CONNECTIONS)) {
                throw http.unreachable(
                        call,
                        broken == null ? new IOException("it ends after " + have + " of " + size + " bytes") : broken);
            }
            if (have < size && fruitless > 0) {
                http.pause(fruitless, "", call);
            }
        }
        boolean right = Digest.of(hash).equals(digest);
        if (!right) {
            hash = Digest.sha256();
        }
        return right;
    }

    /** One connection; what broke it, or null. */
    private @org.jspecify.annotations.Nullable IOException attempt(FileChannel file) throws IOException {
        Map<String, String> headers = new LinkedHashMap<>();
        if (have > 0) {
            headers.put("Range", "bytes=" + have + "-");
        }
        RegistryHttp.Call ranged = new RegistryHttp.Call(
                "GET", call.uri(), call.registry(), call.scope(), headers, null, 0, call.attempted());
        HttpResponse<InputStream> response = http.send(ranged, have > 0 ? Set.of(200, 206, 416) : Set.of(200));
        try (InputStream body = response.body()) {
            boolean goesOn = response.statusCode() == 206
                    && response.headers().firstValue("Content-Range").orElse("").startsWith("bytes " + have + "-");
            if (have > 0 && !goesOn) {
                restart(file);
                if (response.statusCode() != 200) {
                    return new IOException("it does not go on where the last transfer ended");
                }
            }
            while (true) {
                int read;
                try {
                    read = body.read(buffer);
                } catch (IOException e) {
                    return e;
                }
                if (read < 0) {
                    return null;
                }
                transferred += read;
                if (have + read > size) {
                    Files.deleteIfExists(partial);
                    throw new RegistryException(
                            RegistryException.Code.PROTOCOL,
                            call.attempted() + ": it has more than the " + size + " bytes that the manifest says");
                }
                hash.update(buffer, 0, read);
                ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, read);
                while (bytes.hasRemaining()) {
                    file.write(bytes, have + bytes.position());
                }
                have += read;
                progress.accept(have);
            }
        }
    }

    private RegistryException mismatch() throws IOException {
        Files.deleteIfExists(partial);
        return new RegistryException(
                RegistryException.Code.DIGEST_MISMATCH,
                call.attempted() + ": what " + call.registry() + " gives is not what its digest " + digest
                        + " says; nothing of it was kept");
    }
}
