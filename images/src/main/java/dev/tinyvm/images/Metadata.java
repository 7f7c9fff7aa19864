package dev.tinyvm.images;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** An image's record on disk, one JSON file each; it is there exactly when the image is. */
final class Metadata {
    private static final JsonMapper JSON = new JsonMapper();

    private Metadata() {}

    /** Durable when this returns. */
    static void write(Path file, Image image) throws IOException {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", 1);
        root.put("name", image.name());
        root.put("digest", image.digest());
        root.put("sizeBytes", image.sizeBytes());
        root.put("createdAt", image.createdAt().toString());
        root.put("defaultUser", image.defaultUser());
        root.set("env", JSON.valueToTree(image.env()));
        root.put("workingDir", image.workingDir());
        root.set("command", JSON.valueToTree(image.command()));
        root.set("entrypoint", JSON.valueToTree(image.entrypoint()));
        root.set("manifests", JSON.valueToTree(image.manifests()));
        root.set("layers", JSON.valueToTree(image.layers()));
        root.set("references", JSON.valueToTree(image.references()));
        DurableFile.write(file, JSON.writeValueAsString(root));
    }

    static Image read(Path file, String name) throws IOException {
        try {
            JsonNode root = JSON.readTree(Files.readString(file));
            Map<String, String> env = new LinkedHashMap<>();
            root.required("env")
                    .properties()
                    .forEach(entry -> env.put(entry.getKey(), entry.getValue().asString()));
            return new Image(
                    name,
                    root.required("digest").asString(),
                    root.required("sizeBytes").asLong(),
                    Instant.parse(root.required("createdAt").asString()),
                    root.required("defaultUser").asString(),
                    env,
                    root.required("workingDir").asString(),
                    words(root.required("command")),
                    words(root.path("entrypoint")),
                    words(root.path("manifests")),
                    words(root.path("layers")),
                    words(root.path("references")));
        } catch (JacksonException | java.time.DateTimeException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }

    private static List<String> words(JsonNode node) {
        List<String> words = new ArrayList<>();
        node.forEach(word -> words.add(word.asString()));
        return words;
    }
}
