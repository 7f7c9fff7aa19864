package dev.tinyvm.images.registry;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;

/** Pulls and pushes manifests and blobs. For any thread; close it when done. */
public final class RegistryClient implements AutoCloseable {
    /** Bytes of a manifest or an index, as registries allow. */
    public static final int MAX_MANIFEST_BYTES = 4 << 20;

    /** The kinds of manifest that are understood. */
    private static final String ACCEPT = String.join(
            ", ",
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.docker.distribution.manifest.v2+json");

    private final RegistryHttp http;

    /**
     * A manifest or an index, as it came.
     *
     * @param mediaType as the registry calls it; its own text may say otherwise
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody: the digest says all
    public record Manifest(Digest digest, String mediaType, byte[] bytes) {}

    /** @throws RegistryException UNREACHABLE when the environment names a proxy that is none */
    public RegistryClient(RegistryOptions options) {
        this.http = new RegistryHttp(options);
    }

    /** How many blobs may be transferred at once. */
    public int parallelBlobs() {
        return http.options().parallelBlobs();
    }

    /**
     * Fetches what a reference points to.
     *
     * @throws RegistryException NOT_FOUND, UNAUTHORIZED, DIGEST_MISMATCH, …
     */
    public Manifest manifest(Reference image) {
        String attempted = "`" + image + "` could not be pulled";
        RegistryHttp.Call call = RegistryHttp.Call.get(
                image.api(image.repository() + "/manifests/" + image.target()),
                image,
                Map.of("Accept", ACCEPT),
                attempted);
        for (int attempt = 1; ; attempt++) {
            HttpResponse<InputStream> response = http.send(call, Set.of(200));
            byte[] bytes;
            try (InputStream body = response.body()) {
                bytes = body.readNBytes(MAX_MANIFEST_BYTES + 1);
            } catch (IOException e) {
                if (attempt >= http.options().attempts()) {
                    throw http.unreachable(call, e);
                }
                http.pause(attempt, "", call);
                continue;
            }
            if (bytes.length > MAX_MANIFEST_BYTES) {
                throw new RegistryException(
                        RegistryException.Code.PROTOCOL,
                        attempted + ": its manifest has over " + MAX_MANIFEST_BYTES + " bytes");
            }
            Digest digest = Digest.of(bytes);
            if (image.digest() != null && !digest.equals(image.digest())) {
                throw new RegistryException(
                        RegistryException.Code.DIGEST_MISMATCH,
                        attempted + ": what " + image.registry() + " gives has the digest " + digest
                                + ", not the one that was asked for");
            }
            String type = response.headers().firstValue("Content-Type").orElse("");
            int parameters = type.indexOf(';');
            return new Manifest(digest, (parameters < 0 ? type : type.substring(0, parameters)).strip(), bytes);
        }
    }

    /** The digest that a tag has now, without fetching what it names; empty when the registry does not say. */
    public Optional<Digest> digest(Reference image) {
        RegistryHttp.Call call = new RegistryHttp.Call(
                "HEAD",
                image.api(image.repository() + "/manifests/" + image.target()),
                image.registry(),
                RegistryHttp.Call.pull(image),
                Map.of("Accept", ACCEPT),
                null,
                0,
                "`" + image + "` could not be pulled");
        HttpResponse<InputStream> response = http.send(call, Set.of(200, 404, 405));
        closed(response);
        return response.statusCode() != 200
                ? Optional.empty()
                : response.headers().firstValue("Docker-Content-Digest").flatMap(Digest::parse);
    }

    /**
     * Fetches a blob into a file, going on where an earlier attempt ended, and checks it.
     *
     * @param size as the manifest says; another size is refused
     * @param partial may hold the beginning already; complete and checked, not yet durable, when this returns, kept as it is when the
     *     transfer breaks, gone when its content is wrong
     * @param progress told how many bytes are there, now and then
     * @return bytes that were transferred
     */
    public long blob(Reference image, Digest digest, long size, Path partial, LongConsumer progress) {
        return new BlobDownload(http, image, digest, size, partial, progress).run();
    }

    /** Whether a repository has a blob. */
    public boolean hasBlob(Reference image, Digest digest) {
        RegistryHttp.Call call = push("HEAD", image, image.api(image.repository() + "/blobs/" + digest));
        HttpResponse<InputStream> response = http.send(call, Set.of(200, 404));
        closed(response);
        return response.statusCode() == 200;
    }

    /** Sends a blob in one request. */
    public void pushBlob(Reference image, Digest digest, Path file) {
        RegistryHttp.Call start = push("POST", image, image.api(image.repository() + "/blobs/uploads/"));
        HttpResponse<InputStream> answer = http.send(start, Set.of(202));
        closed(answer);
        URI upload = RegistryHttp.location(answer, start);
        URI complete = URI.create(upload + (upload.getRawQuery() == null ? "?" : "&") + "digest=" + digest);
        try {
            long bytes = Files.size(file);
            closed(http.send(
                    new RegistryHttp.Call(
                            "PUT",
                            complete,
                            image.registry(),
                            pushScope(image),
                            Map.of("Content-Type", "application/octet-stream"),
                            () -> {
                                try {
                                    return HttpRequest.BodyPublishers.ofFile(file);
                                } catch (IOException e) {
                                    throw new UncheckedIOException(e);
                                }
                            },
                            bytes,
                            start.attempted()),
                    Set.of(201)));
        } catch (IOException | UncheckedIOException e) {
            throw new RegistryException(
                    RegistryException.Code.IO,
                    start.attempted() + ": its blob " + digest + " cannot be read from the disk",
                    e);
        }
    }

    /** Sends a manifest, which makes the image visible under the reference's tag, or its digest when it has none. */
    public void pushManifest(Reference image, byte[] manifest, String mediaType) {
        String target = image.tag() != null ? image.tag() : image.target();
        closed(http.send(
                new RegistryHttp.Call(
                        "PUT",
                        image.api(image.repository() + "/manifests/" + target),
                        image.registry(),
                        pushScope(image),
                        Map.of("Content-Type", mediaType),
                        () -> HttpRequest.BodyPublishers.ofByteArray(manifest),
                        manifest.length,
                        "`" + image + "` could not be pushed"),
                Set.of(201)));
    }

    @Override
    public void close() {
        http.close();
    }

    private static RegistryHttp.Call push(String method, Reference image, URI uri) {
        return new RegistryHttp.Call(
                method,
                uri,
                image.registry(),
                pushScope(image),
                Map.of(),
                null,
                0,
                "`" + image + "` could not be pushed");
    }

    private static String pushScope(Reference image) {
        return "repository:" + image.repository() + ":pull,push";
    }

    private static void closed(HttpResponse<InputStream> response) {
        try {
            response.body().close();
        } catch (IOException e) {
            // The status has said all.
        }
    }
}
