package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import dev.tinyvm.llm.wire.UsageTap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** OpenAI's {@code /v1/embeddings} on Gemini's {@code batchEmbedContents}. Gemini tells no usage: it is guessed, four bytes a token. */
final class OpenAiEmbeddingsOnGemini implements Translation {
    private String model = "";
    private boolean base64;
    private long bytes;

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        JsonNode from = Json.parse(body);
        JsonNode input = from == null ? Json.object() : from.path("input");
        if (from == null || !(input.isString() || (input.isArray() && !input.isEmpty()))) {
            throw new LlmException(LlmException.Kind.INVALID, "the request has no \"input\"");
        }
        this.model = model;
        String format = Json.string(from, "encoding_format");
        base64 = format.equals("base64");
        if (!base64 && !format.isEmpty() && !format.equals("float")) {
            throw new LlmException(LlmException.Kind.INVALID, "encoding_format is float or base64");
        }
        ObjectNode to = Json.object();
        ArrayNode requests = to.putArray("requests");
        if (input.isString()) {
            add(requests, input, from);
        } else {
            input.forEach(each -> add(requests, each, from));
        }
        return Json.bytes(to);
    }

    private void add(ArrayNode requests, JsonNode text, JsonNode from) {
        if (!text.isString()) {
            throw new LlmException(
                    LlmException.Kind.INVALID,
                    "tokens instead of text cannot be told to a Gemini provider, whose tokens are others; send the text");
        }
        bytes += text.stringValue().getBytes(StandardCharsets.UTF_8).length;
        ObjectNode request = requests.addObject().put("model", "models/" + model);
        request.putObject("content").putArray("parts").addObject().set("text", text);
        if (from.path("dimensions").isNumber()) {
            request.set("outputDimensionality", from.path("dimensions"));
        }
    }

    @Override
    public byte[] answer(byte[] body) {
        JsonNode from = Json.parse(body);
        if (from == null || !from.path("embeddings").isArray()) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer holds no embeddings");
        }
        ObjectNode to = Json.object().put("object", "list");
        ArrayNode data = to.putArray("data");
        for (JsonNode embedding : from.path("embeddings")) {
            ObjectNode item = data.addObject().put("object", "embedding").put("index", data.size() - 1);
            if (base64) {
                item.put("embedding", base64(embedding.path("values")));
            } else {
                item.set("embedding", embedding.path("values"));
            }
        }
        to.put("model", model);
        long tokens = bytes / UsageTap.BYTES_PER_TOKEN;
        to.putObject("usage").put("prompt_tokens", tokens).put("total_tokens", tokens);
        return Json.bytes(to);
    }

    /** Floats of four bytes, the lowest first: what OpenAI's own SDKs ask for unasked. */
    private static String base64(JsonNode values) {
        ByteBuffer floats = ByteBuffer.allocate(values.size() * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        values.forEach(value -> floats.putFloat((float) value.asDouble(0)));
        return Base64.getEncoder().encodeToString(floats.array());
    }

    @Override
    public EventStream stream() {
        throw new IllegalStateException("embeddings are not streamed");
    }
}
