package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Google's servers take each field under two names, {@code maxOutputTokens} and {@code max_output_tokens}; clients use both. */
public final class GeminiNames {
    /** What is in them belongs to the client. */
    private static final Set<String> OPAQUE = Set.of(
            "args",
            "response",
            "parametersJsonSchema",
            "responseJsonSchema",
            "labels",
            "example",
            "default",
            "enum",
            "metadata");

    /** Their members' names are the client's, what stands under them is a schema again. */
    private static final Set<String> OF_SCHEMAS = Set.of("properties", "defs");

    private GeminiNames() {}

    /** The same with every name of the protocol in camel case. */
    static JsonNode camel(JsonNode node) {
        if (node.isArray()) {
            ArrayNode list = Json.array();
            node.forEach(each -> list.add(camel(each)));
            return list;
        }
        if (!node.isObject()) {
            return node;
        }
        ObjectNode to = Json.object();
        node.forEachEntry((name, value) -> {
            String known = camel(name);
            if (OPAQUE.contains(known)) {
                to.set(known, value);
            } else if (OF_SCHEMAS.contains(known) && value.isObject()) {
                ObjectNode schemas = to.putObject(known);
                value.forEachEntry((own, schema) -> schemas.set(own, camel(schema)));
            } else {
                to.set(known, camel(value));
            }
        });
        return to;
    }

    /**
     * A request for a count or for embeddings names the model again in its body: there it becomes another, too.
     *
     * @return the same bytes when they are no JSON: the provider will say so
     */
    public static byte[] renamed(byte[] body, String model) {
        if (!(Json.parse(body) instanceof ObjectNode request)) {
            return body;
        }
        rename(request, model);
        request.path("requests").forEach(each -> rename(each, model));
        rename(request.path("generateContentRequest"), model);
        rename(request.path("generate_content_request"), model);
        return Json.bytes(request);
    }

    private static void rename(JsonNode node, String model) {
        if (node instanceof ObjectNode object && object.has("model")) {
            object.put("model", "models/" + model);
        }
    }

    private static String camel(String name) {
        if (name.indexOf('_') <= 0) {
            return name;
        }
        StringBuilder camel = new StringBuilder(name.length());
        boolean up = false;
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c == '_') {
                up = true;
            } else {
                camel.append(up ? Character.toUpperCase(c) : c);
                up = false;
            }
        }
        return camel.toString();
    }
}
