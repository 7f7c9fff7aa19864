package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashSet;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Which keys have vouched for an image, a file for each image. It stays true as long as the image is there, since an image's name is its digest; a
 * key that is replaced in the policy vouches for nothing any more, because the key is part of what is written.
 */
final class Verifications {
    private static final JsonMapper JSON = new JsonMapper();

    private final Path directory;

    Verifications(Path directory) {
        this.directory = directory;
    }

    /** Whether a key has signed an image for the reference's repository. */
    boolean has(String image, Reference reference, SignaturePolicy.Rule rule) throws IOException {
        return read(image).contains(Entry.of(reference, rule));
    }

    /** Durable when this returns. The store's lock is held. */
    void add(String image, Reference reference, SignaturePolicy.Rule rule) throws IOException {
        Set<Entry> entries = read(image);
        if (!entries.add(Entry.of(reference, rule))) {
            return;
        }
        if (Files.notExists(directory)) {
            Files.createDirectory(directory);
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        ObjectNode root = JSON.createObjectNode();
        root.put("version", 1);
        root.put("image", image);
        ArrayNode list = root.putArray("verified");
        for (Entry entry : entries) {
            ObjectNode one = list.addObject();
            one.put("repository", entry.repository());
            one.put("key", entry.key().toString());
        }
        DurableFile.write(file(image), JSON.writeValueAsString(root));
    }

    void remove(String image) throws IOException {
        Files.deleteIfExists(file(image));
    }

    private Set<Entry> read(String image) throws IOException {
        Set<Entry> entries = new LinkedHashSet<>();
        Path file = file(image);
        try {
            JsonNode root = JSON.readTree(Files.readString(file));
            for (JsonNode entry : root.path("verified")) {
                Digest key = Digest.parse(entry.path("key").asString(""))
                        .orElseThrow(() -> new IOException(file + " is damaged: a key is no digest"));
                entries.add(new Entry(entry.path("repository").asString(""), key));
            }
            return entries;
        } catch (NoSuchFileException e) {
            return entries;
        } catch (JacksonException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }

    private Path file(String image) {
        return directory.resolve(image + StorePaths.JSON);
    }

    private record Entry(String repository, Digest key) {
        static Entry of(Reference reference, SignaturePolicy.Rule rule) {
            return new Entry(reference.registry() + "/" + reference.repository(), rule.keyDigest());
        }
    }
}
