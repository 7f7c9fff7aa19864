package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes images of layers: blobs, configuration, manifest, index; as a directory, an archive, or for a registry. */
final class OciBuilder {
    static final String MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    static final String INDEX = "application/vnd.oci.image.index.v1+json";

    final Map<Digest, byte[]> blobs = new LinkedHashMap<>();
    private final List<String> layers = new ArrayList<>();
    private final List<String> diffIds = new ArrayList<>();
    private String run = "{}";
    private String architecture = Platform.current().architecture();

    /** @param compressed as it is transferred */
    OciBuilder layer(byte[] tar, byte[] compressed, String mediaType) {
        diffIds.add("\"" + Digest.of(tar) + "\"");
        layers.add(descriptor(mediaType, put(compressed), compressed.length));
        return this;
    }

    OciBuilder layer(byte[] tar) {
        try {
            return layer(tar, ArchiveFixture.gzip(tar), OciJson.OCI_LAYER + "+gzip");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A layer that lies about itself. */
    OciBuilder lie(String descriptor, byte[] tar) {
        layers.add(descriptor);
        diffIds.add("\"" + Digest.of(tar) + "\"");
        return this;
    }

    OciBuilder config(String json) {
        run = json;
        return this;
    }

    OciBuilder builtFor(String other) {
        architecture = other;
        return this;
    }

    Digest put(byte[] bytes) {
        blobs.put(Digest.of(bytes), bytes);
        return Digest.of(bytes);
    }

    /** The manifest's digest; the manifest is a blob too. */
    Digest manifest() {
        byte[] config = ("{\"os\":\"linux\",\"architecture\":\"" + architecture + "\",\"config\":" + run
                        + ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" + String.join(",", diffIds) + "]}}")
                .getBytes(StandardCharsets.UTF_8);
        String manifest = "{\"schemaVersion\":2,\"mediaType\":\"" + MANIFEST + "\",\"config\":"
                + descriptor(OciJson.OCI_CONFIG, put(config), config.length) + ",\"layers\":["
                + String.join(",", layers) + "]}";
        return put(manifest.getBytes(StandardCharsets.UTF_8));
    }

    /** An index of this image for this machine and of one for another. */
    Digest index() {
        Digest manifest = manifest();
        String here = Platform.current().architecture();
        return put(("{\"schemaVersion\":2,\"mediaType\":\"" + INDEX + "\",\"manifests\":["
                        + "{\"mediaType\":\"" + MANIFEST + "\",\"digest\":\"sha256:" + "0".repeat(64)
                        + "\",\"size\":7,\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}},"
                        + "{\"mediaType\":\"" + MANIFEST + "\",\"digest\":\"" + manifest + "\",\"size\":"
                        + blob(manifest).length + ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" + here
                        + "\"}}]}")
                .getBytes(StandardCharsets.UTF_8));
    }

    byte[] blob(Digest digest) {
        byte[] bytes = blobs.get(digest);
        if (bytes == null) {
            throw new IllegalArgumentException("no blob " + digest);
        }
        return bytes;
    }

    /** An OCI layout with this one image. */
    Path layout(Path directory, Digest top, String name) throws IOException {
        Files.createDirectories(directory.resolve("blobs/sha256"));
        Files.writeString(directory.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
        Files.writeString(directory.resolve("index.json"), layoutIndex(top, name));
        for (Map.Entry<Digest, byte[]> blob : blobs.entrySet()) {
            Files.write(directory.resolve("blobs/sha256/" + blob.getKey().hex()), blob.getValue());
        }
        return directory;
    }

    /** The same in a tar archive. */
    byte[] archive(TarBuilder tar, Digest top, String name) {
        tar.directory("blobs/").directory("blobs/sha256/");
        blobs.forEach((digest, bytes) -> tar.bytes("blobs/sha256/" + digest.hex(), bytes));
        return tar.file("index.json", layoutIndex(top, name))
                .file("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}")
                .end();
    }

    private String layoutIndex(Digest top, String name) {
        String type = new String(blob(top), StandardCharsets.UTF_8).contains("\"manifests\"") ? INDEX : MANIFEST;
        return "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" + type + "\",\"digest\":\"" + top
                + "\",\"size\":" + blob(top).length + ",\"annotations\":{\"org.opencontainers.image.ref.name\":\""
                + name + "\"}}]}";
    }

    static String descriptor(String mediaType, Digest digest, long size) {
        return "{\"mediaType\":\"" + mediaType + "\",\"digest\":\"" + digest + "\",\"size\":" + size + "}";
    }
}
