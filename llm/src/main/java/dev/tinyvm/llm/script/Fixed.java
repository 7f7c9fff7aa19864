package dev.tinyvm.llm.script;

import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.Json;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.DoubleNode;
import tools.jackson.databind.node.ObjectNode;

/** What every script answers alike: two numbers for every text that is embedded, and one model. */
final class Fixed {
    private Fixed() {}

    /** Embeddings. */
    static byte[] answer(Endpoint endpoint, byte[] body) {
        JsonNode parsed = Json.parse(body);
        JsonNode request = parsed == null ? Json.object() : parsed;
        ObjectNode to = Json.object();
        if (endpoint.dialect() == Dialect.OPENAI) {
            ArrayNode data = to.put("object", "list").putArray("data");
            JsonNode input = request.path("input");
            for (int i = 0; i < (input.isArray() ? input.size() : 1); i++) {
                data.addObject().put("object", "embedding").put("index", i).set("embedding", vector());
            }
            to.set("model", request.path("model"));
            to.putObject("usage").put("prompt_tokens", 10).put("total_tokens", 10);
        } else if (endpoint.verb().equals("embedContent")) {
            to.putObject("embedding").set("values", vector());
        } else {
            ArrayNode embeddings = to.putArray("embeddings");
            request.path("requests").forEach(each -> embeddings.addObject().set("values", vector()));
        }
        return Json.bytes(to);
    }

    static byte[] models(Dialect dialect) {
        ObjectNode to = Json.object();
        boolean gemini = dialect == Dialect.GEMINI;
        to.putArray(gemini ? "models" : "data")
                .addObject()
                .put(gemini ? "name" : "id", gemini ? "models/script" : "script");
        return Json.bytes(to);
    }

    private static ArrayNode vector() {
        return Json.array(List.of(DoubleNode.valueOf(0.5), DoubleNode.valueOf(-1.25)));
    }
}
