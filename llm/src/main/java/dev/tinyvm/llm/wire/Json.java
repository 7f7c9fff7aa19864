package dev.tinyvm.llm.wire;

import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** The one JSON reader and writer of this module, for the paths that need a tree. */
public final class Json {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private Json() {}

    /** Null when it is not JSON. */
    public static @Nullable JsonNode parse(byte[] bytes) {
        return parse(bytes, 0, bytes.length);
    }

    /** Null when it is not JSON. */
    public static @Nullable JsonNode parse(byte[] bytes, int offset, int length) {
        if (length == 0) {
            return null;
        }
        try {
            return MAPPER.readTree(bytes, offset, length);
        } catch (JacksonException e) {
            return null;
        }
    }

    /** Null when it is not JSON. */
    public static @Nullable JsonNode parse(String text) {
        try {
            return text.isEmpty() ? null : MAPPER.readTree(text);
        } catch (JacksonException e) {
            return null;
        }
    }

    /** In UTF-8, without blanks. */
    public static byte[] bytes(JsonNode node) {
        return MAPPER.writeValueAsBytes(node);
    }

    /** Without blanks. */
    public static String text(JsonNode node) {
        return MAPPER.writeValueAsString(node);
    }

    /** An empty object. */
    public static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }

    /** An empty list. */
    public static ArrayNode array() {
        return JsonNodeFactory.instance.arrayNode();
    }

    /** A list of these. */
    public static ArrayNode array(List<? extends JsonNode> nodes) {
        return array().addAll(nodes);
    }

    /** Sets what stands there, by another name; nothing when it is absent or null. */
    public static void copy(JsonNode from, String name, ObjectNode to, String as) {
        if (from.has(name) && !from.path(name).isNull()) {
            to.set(as, from.path(name));
        }
    }

    /** The string there, or empty. */
    public static String string(JsonNode node, String name) {
        JsonNode value = node.path(name);
        return value.isString() ? value.stringValue() : "";
    }

    /** The number there, or 0; never negative. */
    public static long count(JsonNode node, String name) {
        JsonNode value = node.path(name);
        return value.isNumber() ? Math.max(0, value.asLong(0)) : 0;
    }
}
