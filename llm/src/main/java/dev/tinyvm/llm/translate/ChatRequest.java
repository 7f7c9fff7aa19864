package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A Chat Completions request for a provider of another format: checked for what cannot be said there.
 *
 * @param provider such as "an Anthropic provider", for messages
 */
record ChatRequest(JsonNode json, String provider) {
    /** A picture: base64 when it came in a data URL, else a URL. */
    record Image(String url, String mediaType, String base64) {}

    static ChatRequest read(byte[] body, String provider) {
        JsonNode json = Json.parse(body);
        if (json == null || !json.path("messages").isArray()) {
            throw new LlmException(LlmException.Kind.INVALID, "the request has no list \"messages\"");
        }
        ChatRequest request = new ChatRequest(json, provider);
        if (json.path("n").asInt(1) > 1) {
            throw request.refused("n above 1");
        }
        if (json.path("logprobs").asBoolean(false)) {
            throw request.refused("logprobs");
        }
        for (String name : new String[] {"functions", "audio", "web_search_options", "prediction"}) {
            if (json.path(name).isObject() || json.path(name).isArray()) {
                throw request.refused(name);
            }
        }
        return request;
    }

    LlmException refused(String what) {
        return new LlmException(
                LlmException.Kind.INVALID,
                what + " cannot be told to " + provider
                        + "; leave it out, or use a model of a provider that speaks Chat Completions");
    }

    LlmException refusedPart(JsonNode part) {
        return refused("content of type '" + Json.string(part, "type") + "'");
    }

    /** All system and developer messages. */
    String system() {
        List<String> texts = new ArrayList<>();
        for (JsonNode message : json.path("messages")) {
            String role = Json.string(message, "role");
            if (role.equals("system") || role.equals("developer")) {
                texts.add(text(message.path("content")));
            }
        }
        return String.join("\n", texts);
    }

    JsonNode maxTokens() {
        JsonNode most = json.path("max_completion_tokens");
        return most.isNumber() ? most : json.path("max_tokens");
    }

    ArrayNode stop() {
        JsonNode stop = json.path("stop");
        if (stop.isString()) {
            return Json.array().add(stop);
        }
        return stop instanceof ArrayNode list ? list : Json.array();
    }

    List<JsonNode> functions() {
        List<JsonNode> functions = new ArrayList<>();
        for (JsonNode tool : json.path("tools")) {
            if (!Json.string(tool, "type").equals("function")) {
                throw refused("a tool of type '" + Json.string(tool, "type") + "'");
            }
            functions.add(tool.path("function"));
        }
        return functions;
    }

    /** The one function that must be called, where the choice is an object. */
    String chosenFunction() {
        JsonNode choice = json.path("tool_choice");
        if (!Json.string(choice, "type").equals("function")) {
            throw refused("tool_choice '" + Json.string(choice, "type") + "'");
        }
        return Json.string(choice.path("function"), "name");
    }

    /** Says where the pictures that follow come from. */
    static ObjectNode picturesOf(String call) {
        return Json.object().put("type", "text").put("text", "Pictures in the result of the call " + call + ":");
    }

    Image imageUrl(JsonNode part) {
        String url = Json.string(part.path("image_url"), "url");
        if (!url.startsWith("data:")) {
            return new Image(url, "", "");
        }
        int comma = url.indexOf(',');
        String head = comma < 0 ? "" : url.substring(5, comma);
        if (!head.endsWith(";base64")) {
            throw new LlmException(
                    LlmException.Kind.INVALID, "an image's data URL is not data:<media type>;base64,<data>");
        }
        return new Image("", head.substring(0, head.length() - ";base64".length()), url.substring(comma + 1));
    }

    /** A string, or the texts of a list of parts. */
    static String text(JsonNode content) {
        if (content.isString()) {
            return content.stringValue();
        }
        List<String> texts = new ArrayList<>();
        content.forEach(part -> texts.add(Json.string(part, "text")));
        return String.join("\n", texts);
    }
}
