package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The {@code manifest.json} of {@code docker save}, which has names instead of digests: from it an OCI manifest is made. */
final class DockerArchive {
    private static final JsonMapper JSON = new JsonMapper();

    private final BlobStore blobs;
    private final ArchiveSink files;
    private final Reference reference;
    private final String where;

    DockerArchive(BlobStore blobs, ArchiveSink files, Reference reference, String where) {
        this.blobs = blobs;
        this.files = files;
        this.reference = reference;
        this.where = where;
    }

    /** The manifest's digest alone. */
    List<Digest> manifests() throws IOException {
        JsonNode image = pick(OciJson.parse(blobs.read(find("manifest.json"), OciJson.MAX_CONFIG_BYTES), where));
        ObjectNode manifest = JSON.createObjectNode();
        manifest.put("schemaVersion", 2);
        manifest.put("mediaType", OciJson.OCI_MANIFEST);
        describe(
                manifest.putObject("config"),
                OciJson.OCI_CONFIG,
                find(image.path("Config").asString("")));
        ArrayNode layers = manifest.putArray("layers");
        if (!image.path("Layers").isArray() || image.path("Layers").size() > OciJson.MAX_LAYERS) {
            throw OciJson.refused(
                    where, "its list of layers is missing, or has over " + OciJson.MAX_LAYERS + " entries");
        }
        for (JsonNode name : image.path("Layers")) {
            Digest layer = find(name.asString(""));
            describe(layers.addObject(), OciJson.OCI_LAYER + suffix(layer), layer);
        }
        return List.of(blobs.put(JSON.writeValueAsString(manifest).getBytes(StandardCharsets.UTF_8)));
    }

    private JsonNode pick(JsonNode root) {
        List<String> names = new ArrayList<>();
        for (JsonNode image : root) {
            for (JsonNode tag : image.path("RepoTags")) {
                String name = tag.asString("");
                if (name.equals(reference.familiar()) || name.equals(reference.canonical())) {
                    return image;
                }
                names.add(EntryName.shown(name));
            }
        }
        if (root.isArray() && root.size() == 1) {
            return root.path(0);
        }
        throw OciJson.refused(
                where,
                "it holds " + root.size() + " images and none is called " + reference
                        + "; import one as what it is called: " + String.join(", ", names));
    }

    private Digest find(String name) {
        return files.find(EntryName.clean(name))
                .orElseThrow(
                        () -> OciJson.refused(where, "it names " + EntryName.shown(name) + " and does not have it"));
    }

    private void describe(ObjectNode node, String mediaType, Digest digest) throws IOException {
        node.put("mediaType", mediaType);
        node.put("digest", digest.toString());
        node.put("size", Files.size(blobs.path(digest)));
    }

    private String suffix(Digest layer) throws IOException {
        try (InputStream in = Files.newInputStream(blobs.path(layer))) {
            byte[] magic = in.readNBytes(2);
            if (magic.length < 2 || (magic[0] & 0xff) == 0) {
                return "";
            }
            return (magic[0] & 0xff) == 0x1f && (magic[1] & 0xff) == 0x8b
                    ? "+gzip"
                    : (magic[0] & 0xff) == 0x28 && (magic[1] & 0xff) == 0xb5 ? "+zstd" : "";
        }
    }
}
