package dev.tinyvm.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.PrintStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What {@code --json} prints: the SDK's records as they are, times as ISO 8601, absent values left out, a descriptor as an object. */
public final class JsonOutput {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .changeDefaultPropertyInclusion(v -> v.withValueInclusion(JsonInclude.Include.NON_ABSENT))
            .build();

    private JsonOutput() {}

    /** One value on several lines, and a line end. */
    public static void print(PrintStream out, Object value) {
        out.println(MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(tree(value)));
    }

    /** One value on one line: for streams. */
    public static void printLine(PrintStream out, Object value) {
        out.println(MAPPER.writeValueAsString(tree(value)));
    }

    private static JsonNode tree(Object value) {
        JsonNode tree = MAPPER.valueToTree(value);
        embedDescriptors(tree);
        return tree;
    }

    private static void embedDescriptors(JsonNode node) {
        if (node instanceof ObjectNode object && object.has("descriptorJson")) {
            String text = object.remove("descriptorJson").asString("");
            if (!text.isEmpty()) {
                object.set("descriptor", MAPPER.readTree(text));
            }
        }
        for (JsonNode child : node) {
            embedDescriptors(child);
        }
    }
}
