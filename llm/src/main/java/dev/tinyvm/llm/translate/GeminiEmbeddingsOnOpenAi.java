package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Gemini's {@code embedContent} and {@code batchEmbedContents} on OpenAI's {@code /v1/embeddings}. Task types and titles, which only tune, are left out. */
final class GeminiEmbeddingsOnOpenAi implements Translation {
    private final boolean one;
    private int asked;

    /** @param one whether one is asked for, and not a list */
    GeminiEmbeddingsOnOpenAi(boolean one) {
        this.one = one;
    }

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        JsonNode written = Json.parse(body);
        JsonNode from = written == null ? Json.object() : GeminiNames.camel(written);
        List<JsonNode> requests = new ArrayList<>();
        if (one) {
            requests.add(from);
        } else {
            from.path("requests").forEach(requests::add);
        }
        if (requests.isEmpty()) {
            throw new LlmException(LlmException.Kind.INVALID, "the request has no list \"requests\"");
        }
        asked = requests.size();
        ObjectNode to = Json.object().put("model", model);
        ArrayNode input = to.putArray("input");
        JsonNode dimensions = requests.getFirst().path("outputDimensionality");
        for (JsonNode request : requests) {
            input.add(text(request.path("content")));
            if (request.path("outputDimensionality").asInt(0) != dimensions.asInt(0)) {
                throw new LlmException(
                        LlmException.Kind.INVALID,
                        "requests with different outputDimensionality cannot be told to an OpenAI provider at once");
            }
        }
        if (dimensions.isNumber()) {
            to.set("dimensions", dimensions);
        }
        return Json.bytes(to.put("encoding_format", "float"));
    }

    private static String text(JsonNode content) {
        List<String> texts = new ArrayList<>();
        for (JsonNode part : content.path("parts")) {
            if (!part.path("text").isString()) {
                throw new LlmException(
                        LlmException.Kind.INVALID,
                        "only text can be embedded by an OpenAI provider; send parts of text");
            }
            texts.add(Json.string(part, "text"));
        }
        if (texts.isEmpty()) {
            throw new LlmException(LlmException.Kind.INVALID, "a request has no content with parts of text");
        }
        return String.join("\n", texts);
    }

    @Override
    public byte[] answer(byte[] body) {
        JsonNode from = Json.parse(body);
        if (from == null || from.path("data").size() != asked) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer does not hold the embeddings");
        }
        JsonNode[] inOrder = new JsonNode[asked];
        int next = 0;
        for (JsonNode item : from.path("data")) {
            inOrder[Math.clamp(item.path("index").asInt(next), 0, asked - 1)] = item.path("embedding");
            next++;
        }
        ObjectNode to = Json.object();
        if (one) {
            to.putObject("embedding").set("values", inOrder[0]);
            return Json.bytes(to);
        }
        ArrayNode list = to.putArray("embeddings");
        for (JsonNode values : inOrder) {
            list.addObject().set("values", values);
        }
        return Json.bytes(to);
    }

    @Override
    public EventStream stream() {
        throw new IllegalStateException("embeddings are not streamed");
    }
}
