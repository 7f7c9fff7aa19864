package dev.tinyvm.server.http;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A JSON object that a client sent. Every wrong type and every unknown field becomes a 400 that names it. */
public final class JsonRequest {
    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(64)
                            .maxStringLength(Limits.JSON_BYTES)
                            .build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final JsonNode node;
    private final String path;
    private final Set<String> asked = new HashSet<>();

    private JsonRequest(JsonNode node, String path) {
        this.node = node;
        this.path = path;
    }

    /** Nothing at all counts as an empty object. */
    public static JsonRequest parse(byte[] body) {
        if (body.length == 0) {
            return new JsonRequest(MAPPER.createObjectNode(), "");
        }
        return of(body);
    }

    public static JsonRequest parse(String body) {
        return of(body.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    private static JsonRequest of(byte[] body) {
        JsonNode node;
        try {
            node = MAPPER.readTree(body);
        } catch (JacksonException e) {
            var at = e.getLocation();
            String place = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
            throw HttpError.invalid("the body is not JSON" + place + ": " + firstLine(e.getOriginalMessage()));
        }
        if (!node.isObject()) {
            throw HttpError.invalid("the body must be a JSON object, not " + kind(node));
        }
        return new JsonRequest(node, "");
    }

    public boolean has(String name) {
        JsonNode value = node.get(name);
        return value != null && !value.isNull();
    }

    /** The value as it is; empty when absent or null. */
    public Optional<JsonNode> raw(String name) {
        return Optional.ofNullable(value(name));
    }

    public Optional<String> optionalText(String name) {
        JsonNode value = value(name);
        if (value == null) {
            return Optional.empty();
        }
        if (!value.isString()) {
            throw wrong(name, "a string", value);
        }
        String text = value.stringValue();
        if (text.indexOf('\0') >= 0) {
            throw HttpError.invalid(path + name + " must not contain a NUL character");
        }
        return Optional.of(text);
    }

    public String text(String name, String otherwise) {
        return optionalText(name).orElse(otherwise);
    }

    public String requiredText(String name) {
        return optionalText(name).orElseThrow(() -> missing(name, "a string"));
    }

    public boolean flag(String name, boolean otherwise) {
        JsonNode value = value(name);
        if (value == null) {
            return otherwise;
        }
        if (!value.isBoolean()) {
            throw wrong(name, "true or false", value);
        }
        return value.booleanValue();
    }

    public Optional<Long> optionalNumber(String name, long min, long max) {
        JsonNode value = value(name);
        if (value == null) {
            return Optional.empty();
        }
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            throw wrong(name, "a whole number from " + min + " to " + max, value);
        }
        long number = value.longValue();
        if (number < min || number > max) {
            throw HttpError.invalid(path + name + " must be from " + min + " to " + max + ", not " + number);
        }
        return Optional.of(number);
    }

    public int number(String name, int min, int max, int otherwise) {
        return optionalNumber(name, min, max).map(Long::intValue).orElse(otherwise);
    }

    public int requiredNumber(String name, int min, int max) {
        return optionalNumber(name, min, max)
                .map(Long::intValue)
                .orElseThrow(() -> missing(name, "a whole number from " + min + " to " + max));
    }

    public List<String> texts(String name) {
        JsonNode value = value(name);
        if (value == null) {
            return List.of();
        }
        if (!value.isArray()) {
            throw wrong(name, "a list of strings", value);
        }
        List<String> texts = new ArrayList<>(value.size());
        for (JsonNode item : value) {
            if (!item.isString() || item.stringValue().indexOf('\0') >= 0) {
                throw wrong(name + "[" + texts.size() + "]", "a string without NUL characters", item);
            }
            texts.add(item.stringValue());
        }
        return texts;
    }

    public Map<String, String> textMap(String name) {
        JsonNode value = value(name);
        if (value == null) {
            return Map.of();
        }
        if (!value.isObject()) {
            throw wrong(name, "an object of strings", value);
        }
        Map<String, String> map = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : value.properties()) {
            if (!entry.getValue().isString() || entry.getValue().stringValue().indexOf('\0') >= 0) {
                // The value is not repeated: it may be a secret.
                throw HttpError.invalid(
                        path + name + "." + entry.getKey() + " must be a string without NUL characters");
            }
            map.put(entry.getKey(), entry.getValue().stringValue());
        }
        return map;
    }

    public Optional<JsonRequest> object(String name) {
        JsonNode value = value(name);
        if (value == null) {
            return Optional.empty();
        }
        if (!value.isObject()) {
            throw wrong(name, "an object", value);
        }
        return Optional.of(new JsonRequest(value, path + name + "."));
    }

    /** Call when all has been asked for: what was not is unknown, and refused with the names that there are. */
    public JsonRequest finish() {
        for (String name : node.propertyNames()) {
            if (!asked.contains(name)) {
                String nearest = Nearest.of(name, asked);
                throw HttpError.invalid("unknown field '" + path + shown(name) + "'; "
                        + (nearest.isEmpty()
                                ? "there are: "
                                        + String.join(
                                                ", ", asked.stream().sorted().toList())
                                : "did you mean '" + nearest + "'?"));
            }
        }
        return this;
    }

    private @Nullable JsonNode value(String name) {
        asked.add(name);
        JsonNode value = node.get(name);
        return value == null || value.isNull() ? null : value;
    }

    private HttpError missing(String name, String what) {
        return HttpError.invalid(path + name + " is missing; it must be " + what);
    }

    private HttpError wrong(String name, String what, JsonNode value) {
        return HttpError.invalid(path + name + " must be " + what + ", not " + kind(value));
    }

    private static String kind(JsonNode value) {
        return switch (value.getNodeType()) {
            case ARRAY -> "a list";
            case OBJECT -> "an object";
            case BOOLEAN -> "true or false";
            case NUMBER -> value.isIntegralNumber() ? "a number of that kind" : "a number with a fraction";
            case STRING -> "a string";
            case NULL -> "null";
            default -> "nothing";
        };
    }

    private static String shown(String name) {
        return name.length() > 64 ? name.substring(0, 64) + "…" : name;
    }

    private static String firstLine(@Nullable String text) {
        if (text == null) {
            return "it cannot be read";
        }
        String line = text.lines().findFirst().orElse("");
        return line.length() > 200 ? line.substring(0, 200) + "…" : line;
    }
}
