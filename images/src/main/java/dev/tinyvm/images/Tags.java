package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** References that point to images, a file each, named by the reference's own SHA-256 because a reference may hold `/`. */
final class Tags {
    private static final JsonMapper JSON = new JsonMapper();

    private final Path directory;

    Tags(Path directory) {
        this.directory = directory;
    }

    Optional<ImageTag> find(Reference reference) throws IOException {
        try {
            return Optional.of(read(file(reference.canonical())));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** Points a reference to an image; durable when this returns. */
    void put(ImageTag tag) throws IOException {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", 1);
        root.put("reference", tag.reference());
        root.put("image", tag.image());
        root.put("digest", tag.digest());
        DurableFile.write(file(tag.reference()), JSON.writeValueAsString(root));
    }

    void remove(String canonical) throws IOException {
        Files.deleteIfExists(file(canonical));
    }

    /** All, by reference. */
    List<ImageTag> all() throws IOException {
        List<ImageTag> all = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "[0-9a-f]*" + StorePaths.JSON)) {
            for (Path file : files) {
                all.add(read(file));
            }
        } catch (NoSuchFileException e) {
            return List.of();
        }
        all.sort(Comparator.comparing(ImageTag::reference));
        return all;
    }

    private Path file(String canonical) {
        return directory.resolve(
                Digest.of(canonical.getBytes(StandardCharsets.UTF_8)).hex() + StorePaths.JSON);
    }

    private static ImageTag read(Path file) throws IOException {
        try {
            JsonNode root = JSON.readTree(Files.readString(file));
            return new ImageTag(
                    root.required("reference").asString(),
                    root.required("image").asString(),
                    root.required("digest").asString());
        } catch (JacksonException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }
}
