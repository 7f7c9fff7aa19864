package dev.tinyvm.ledger;

import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/** Labels as the database holds them: a JSON object, so that a bill can be made by any of them. */
final class Labels {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final TypeReference<Map<String, String>> MAP = new TypeReference<>() {};

    private Labels() {}

    static String encode(Map<String, String> labels) {
        return labels.isEmpty() ? "{}" : MAPPER.writeValueAsString(new TreeMap<>(labels));
    }

    static Map<String, String> decode(String text) {
        return text.equals("{}") ? Map.of() : MAPPER.readValue(text, MAP);
    }
}
