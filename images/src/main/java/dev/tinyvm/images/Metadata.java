package dev.tinyvm.images;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
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
        Path parent = file.toAbsolutePath().getParent();
        if (parent == null) {
            throw new IOException(file + " has no directory");
        }
        Path temporary = parent.resolve("." + file.getFileName() + ".new");
        try (FileChannel channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(JSON.writeValueAsString(root).getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.setPosixFilePermissions(temporary, java.nio.file.attribute.PosixFilePermissions.fromString("rw-r--r--"));
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel channel = FileChannel.open(parent, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    static Image read(Path file, String name) throws IOException {
        try {
            JsonNode root = JSON.readTree(Files.readString(file));
            Map<String, String> env = new LinkedHashMap<>();
            root.required("env")
                    .properties()
                    .forEach(entry -> env.put(entry.getKey(), entry.getValue().asString()));
            List<String> command = new ArrayList<>();
            root.required("command").forEach(word -> command.add(word.asString()));
            return new Image(
                    name,
                    root.required("digest").asString(),
                    root.required("sizeBytes").asLong(),
                    Instant.parse(root.required("createdAt").asString()),
                    root.required("defaultUser").asString(),
                    env,
                    root.required("workingDir").asString(),
                    command);
        } catch (JacksonException | java.time.DateTimeException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }
}
