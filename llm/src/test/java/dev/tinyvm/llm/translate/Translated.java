package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.translate.Translation.Wire;
import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.SseEvents;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** Translations of texts, with ' for ". */
final class Translated {
    private Translated() {}

    static Translation of(Wire client, Wire provider) {
        return Translation.of(client, provider, "max_tokens").orElseThrow();
    }

    static JsonNode request(Wire client, Wire provider, String body) {
        return json(of(client, provider).request(bytes(body), "m", false));
    }

    static JsonNode answer(Wire client, Wire provider, String body) {
        return json(of(client, provider).answer(bytes(body)));
    }

    /** The data of all events that the client gets; those that are no JSON are left out. */
    static List<JsonNode> stream(Wire client, Wire provider, String... datas) {
        Translation.EventStream stream = of(client, provider).stream();
        StringBuilder all = new StringBuilder();
        for (String data : datas) {
            byte[] event = ("data: " + data.replace('\'', '"') + "\n\n").getBytes(StandardCharsets.UTF_8);
            all.append(new String(stream.event(event, 0, event.length), StandardCharsets.UTF_8));
        }
        all.append(new String(stream.finish(), StandardCharsets.UTF_8));
        if (!stream.hasEnded()) {
            throw new AssertionError("the stream has not ended: " + all);
        }
        List<JsonNode> events = new ArrayList<>();
        try {
            byte[] bytes = all.toString().getBytes(StandardCharsets.UTF_8);
            new SseEvents().feed(bytes, 0, bytes.length, (b, start, end) -> {
                JsonNode node = Json.parse(SseEvents.data(b, start, end));
                if (node != null) {
                    events.add(node);
                }
            });
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return events;
    }

    static JsonNode json(String text) {
        return json(bytes(text));
    }

    static byte[] bytes(String text) {
        return text.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    }

    private static JsonNode json(byte[] bytes) {
        JsonNode node = Json.parse(bytes);
        if (node == null) {
            throw new AssertionError("no JSON: " + new String(bytes, StandardCharsets.UTF_8));
        }
        return node;
    }
}
