package dev.tinyvm.images;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What is known of an unpacked layer; it is there exactly when the layer is. Names have one character a byte.
 *
 * @param diffId digest of the uncompressed archive, {@code sha256:…}
 * @param sizeBytes of its files
 * @param entries files, directories and links
 * @param impliesParents whether something stands in a directory that it does not bring itself
 * @param directories that it brings
 * @param whiteouts names of lower layers that it hides
 * @param opaques directories in which it hides all of lower layers
 */
record LayerRecord(
        String diffId,
        long sizeBytes,
        long entries,
        boolean impliesParents,
        List<String> directories,
        List<String> whiteouts,
        List<String> opaques) {
    private static final JsonMapper JSON = new JsonMapper();

    LayerRecord {
        directories = List.copyOf(directories);
        whiteouts = List.copyOf(whiteouts);
        opaques = List.copyOf(opaques);
    }

    /**
     * Whether overlayfs shows these layers, lowest first, as they are meant. It does not when a layer relies on the owner of a directory, or on a link, of
     * a lower one without bringing it, or hides something where there is nothing below to merge with: the mark itself would be seen. Nor does it stack a
     * directory twice.
     */
    static boolean standAlone(List<LayerRecord> layers) {
        NavigableSet<String> merged = new TreeSet<>();
        if (layers.isEmpty()
                || layers.stream().map(LayerRecord::diffId).distinct().count() < layers.size()) {
            return false;
        }
        for (int i = 0; i < layers.size(); i++) {
            LayerRecord layer = layers.get(i);
            if ((i > 0 && layer.impliesParents)
                    || layer.opaques.contains("")
                    || layer.whiteouts.stream().anyMatch(name -> !merged.contains(EntryName.parent(name)))) {
                return false;
            }
            for (String hidden : layer.whiteouts) {
                merged.remove(hidden);
                below(merged, hidden).clear();
            }
            layer.opaques.forEach(hiding -> below(merged, hiding).clear());
            merged.addAll(layer.directories);
            merged.add("");
        }
        return true;
    }

    /** Whether it changes nothing, as layers of image builders that only changed the configuration. */
    boolean isEmpty() {
        return sizeBytes == 0
                && whiteouts.isEmpty()
                && opaques.isEmpty()
                && entries <= 1
                && directories.stream().allMatch(String::isEmpty);
    }

    private static NavigableSet<String> below(NavigableSet<String> names, String directory) {
        // '0' follows '/'.
        return names.subSet(directory + "/", true, directory + "0", false);
    }

    /** Durable when this returns. */
    void write(Path file) throws IOException {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", 1);
        root.put("diffId", diffId);
        root.put("sizeBytes", sizeBytes);
        root.put("entries", entries);
        root.put("impliesParents", impliesParents);
        root.set("directories", JSON.valueToTree(directories));
        root.set("whiteouts", JSON.valueToTree(whiteouts));
        root.set("opaques", JSON.valueToTree(opaques));
        DurableFile.write(file, JSON.writeValueAsString(root));
    }

    static LayerRecord read(Path file) throws IOException {
        try {
            JsonNode root = JSON.readTree(Files.readString(file, StandardCharsets.UTF_8));
            return new LayerRecord(
                    root.required("diffId").asString(),
                    root.required("sizeBytes").asLong(),
                    root.required("entries").asLong(),
                    root.required("impliesParents").asBoolean(),
                    names(root.required("directories")),
                    names(root.required("whiteouts")),
                    names(root.required("opaques")));
        } catch (JacksonException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }

    private static List<String> names(JsonNode node) {
        List<String> names = new ArrayList<>();
        node.forEach(name -> names.add(name.asString()));
        return names;
    }
}
