package dev.tinyvm.spec;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One mapping of a document being read by its keys. What is wrong goes to {@link Problems} and the default is returned, so that reading
 * goes on and finds the rest.
 */
final class Section {
    private final String path;
    private final Problems problems;
    private final Value.Mapping mapping;
    private final Map<String, Value> values = new LinkedHashMap<>();

    private Section(Value.Mapping mapping, String path, Keys keys, Problems problems) {
        this.mapping = mapping;
        this.path = path;
        this.problems = problems;
        collect(keys);
    }

    /** Empty, with a problem added, when the value is no mapping. */
    static Optional<Section> open(Value value, String path, Keys keys, Problems problems) {
        if (value instanceof Value.Mapping mapping) {
            return Optional.of(new Section(mapping, path, keys, problems));
        }
        problems.add(
                path,
                value,
                "is " + shown(value) + "; expected a mapping with the keys " + String.join(", ", keys.allowed()));
        return Optional.empty();
    }

    private void collect(Keys keys) {
        Map<String, Integer> lines = new LinkedHashMap<>();
        for (Value.Entry entry : mapping.entries()) {
            if (!(entry.key() instanceof Value.Scalar key)) {
                problems.add(
                        path,
                        entry.key(),
                        "has " + entry.key().kind() + " as a key; expected one of "
                                + String.join(", ", keys.allowed()));
                continue;
            }
            String name = key.text();
            Integer first = lines.putIfAbsent(name, key.line());
            if (first != null) {
                problems.add(at(name), key, "stands here a second time, first on line " + first + "; keep one");
            } else if (keys.allowed().contains(name)) {
                values.put(name, entry.value());
            } else {
                problems.add(at(name), key, unknown(name, keys));
            }
        }
    }

    private static String unknown(String name, Keys keys) {
        String hint = keys.elsewhere().get(name);
        if (hint != null) {
            return hint;
        }
        if (name.equals("<<")) {
            return "merge keys (`<<`) are not part of YAML 1.2; write the keys out";
        }
        return "is an unknown key; "
                + NearestName.of(name, keys.allowed())
                        .map(nearest -> "did you mean `" + nearest + "`? ")
                        .orElse("")
                + "Allowed here: " + String.join(", ", keys.allowed());
    }

    /** The path of a key in this mapping. */
    String at(String key) {
        return TextValues.at(path, key);
    }

    void problem(String key, String message) {
        Value value = values.get(key);
        problems.add(at(key), value == null ? mapping : value, message);
    }

    boolean has(String key) {
        return values.containsKey(key);
    }

    @Nullable
    Value value(String key) {
        return values.get(key);
    }

    /** A nested mapping; empty when absent or wrong. */
    Optional<Section> section(String key, Keys keys) {
        Value value = values.get(key);
        return value == null ? Optional.empty() : open(value, at(key), keys, problems);
    }

    /** A list of mappings; those that are wrong are left out. */
    List<Section> sections(String key, Keys keys, int maxEntries) {
        return items(key, maxEntries, "mappings with the keys " + String.join(", ", keys.allowed())).stream()
                .flatMap(item -> open(item.value(), item.path(), keys, problems).stream())
                .toList();
    }

    /** Text that must be there and not be empty; empty, with a problem added, otherwise. */
    String required(String key, String expected) {
        Optional<String> text = string(key);
        if (!has(key)) {
            problem(key, "is missing; " + expected);
        } else if (text.isPresent() && text.get().isEmpty()) {
            problem(key, "is empty; " + expected);
        }
        return text.orElse("");
    }

    /** A number that is not negative, plain or quoted. Empty when absent or wrong. */
    Optional<BigDecimal> decimal(String key, BigDecimal max, int digits, String expected) {
        Value value = values.get(key);
        if (value == null) {
            return Optional.empty();
        }
        if (value instanceof Value.Scalar scalar && scalar.text().matches("[0-9]{1,18}(\\.[0-9]{1,18})?")) {
            BigDecimal number = new BigDecimal(scalar.text());
            if (number.compareTo(max) <= 0 && number.stripTrailingZeros().scale() <= digits) {
                return Optional.of(number.stripTrailingZeros());
            }
        }
        problem(
                key,
                "is " + shown(value) + "; expected " + expected + ", from 0 to " + max.toPlainString() + ", at most "
                        + digits + " digits behind the point");
        return Optional.empty();
    }

    /** Text; numbers and booleans must be quoted. Empty when absent or wrong. */
    Optional<String> string(String key) {
        Value value = values.get(key);
        if (value == null) {
            return Optional.empty();
        }
        if (value instanceof Value.Scalar scalar && scalar.isString()) {
            return Optional.of(scalar.text());
        }
        String hint = value instanceof Value.Scalar scalar && !scalar.isNull() ? "; put it in quotes" : "";
        problem(key, "is " + shown(value) + "; expected a string" + hint);
        return Optional.empty();
    }

    /** Text, or a plain number or boolean as it was written. Empty when absent or wrong. */
    Optional<String> stringOrNumber(String key) {
        return values.get(key) instanceof Value.Scalar scalar && scalar.isNumber()
                ? Optional.of(scalar.text())
                : string(key);
    }

    int integer(String key, int min, int max, int otherwise) {
        Value value = values.get(key);
        if (value == null) {
            return otherwise;
        }
        String range = "expected a whole number from " + min + " to " + max;
        if (!(value instanceof Value.Scalar scalar) || !scalar.isNumber()) {
            String hint = value instanceof Value.Scalar text && text.text().matches("\\d{1,9}")
                    ? "; write it without quotes"
                    : "";
            problem(key, "is " + shown(value) + "; " + range + hint);
            return otherwise;
        }
        if (!scalar.text().matches("-?\\d{1,18}")) {
            problem(key, "is " + shown(value) + "; " + range);
            return otherwise;
        }
        long number = Long.parseLong(scalar.text());
        if (number < min || number > max) {
            problem(key, "is " + Problems.quote(scalar.text()) + "; " + range);
            return otherwise;
        }
        return (int) number;
    }

    /** A whole number from 0 up that may be absent. */
    OptionalLong count(String key) {
        Value value = values.get(key);
        if (value == null) {
            return OptionalLong.empty();
        }
        if (value instanceof Value.Scalar scalar
                && scalar.isNumber()
                && scalar.text().matches("\\d{1,15}")) {
            return OptionalLong.of(Long.parseLong(scalar.text()));
        }
        problem(key, "is " + shown(value) + "; expected a whole number from 0 to 999999999999999");
        return OptionalLong.empty();
    }

    /** A list of strings; empty when absent or wrong. */
    List<String> texts(String key, int maxEntries) {
        return items(key, maxEntries, "strings").stream()
                .flatMap(item -> {
                    if (item.value() instanceof Value.Scalar scalar && scalar.isString()) {
                        return Stream.of(scalar.text());
                    }
                    problems.add(item.path(), item.value(), "is " + shown(item.value()) + "; expected a string");
                    return Stream.of();
                })
                .toList();
    }

    /** A list of TCP ports; empty when absent or wrong. */
    List<Integer> ports(String key, int maxEntries) {
        return items(key, maxEntries, "ports such as [443]").stream()
                .flatMap(item -> {
                    if (item.value() instanceof Value.Scalar scalar
                            && scalar.isNumber()
                            && scalar.text().matches("[1-9]\\d{0,4}")
                            && Integer.parseInt(scalar.text()) <= 65_535) {
                        return Stream.of(Integer.valueOf(scalar.text()));
                    }
                    problems.add(
                            item.path(),
                            item.value(),
                            "is " + shown(item.value()) + "; expected a whole number from 1 to 65535");
                    return Stream.of();
                })
                .toList();
    }

    private List<Item> items(String key, int maxEntries, String expected) {
        Value value = values.get(key);
        if (value == null) {
            return List.of();
        }
        if (!(value instanceof Value.Listing list)) {
            problem(key, "is " + shown(value) + "; expected a list of " + expected);
            return List.of();
        }
        if (list.items().size() > maxEntries) {
            problem(key, "has " + list.items().size() + " entries; at most " + maxEntries + " are allowed");
            return List.of();
        }
        List<Item> items = new ArrayList<>();
        for (Value item : list.items()) {
            items.add(new Item(at(key) + "[" + items.size() + "]", item));
        }
        return items;
    }

    boolean bool(String key, boolean otherwise) {
        Value value = values.get(key);
        if (value == null) {
            return otherwise;
        }
        if (value instanceof Value.Scalar scalar && scalar.isBoolean()) {
            return scalar.isTrue();
        }
        problem(key, "is " + shown(value) + "; expected true or false");
        return otherwise;
    }

    int cpuMillis(String key, int otherwise) {
        return quantity(key, "an amount of CPU such as `0.5` or `500m`", Quantities::parseCpuMillis, otherwise);
    }

    long bytes(String key, long min, long max, long otherwise) {
        return quantity(key, "bytes such as `64Mi`", text -> Quantities.parseBytes(text, min, max), otherwise);
    }

    Duration duration(String key, Duration min, Duration max, Duration otherwise) {
        return quantity(
                key, "a duration such as `10s` or `5m`", text -> Quantities.parseDuration(text, min, max), otherwise);
    }

    private <T> T quantity(String key, String expected, Function<String, T> parse, T otherwise) {
        Value value = values.get(key);
        if (value == null) {
            return otherwise;
        }
        if (!(value instanceof Value.Scalar scalar) || scalar.isNull() || scalar.isBoolean()) {
            problem(key, "is " + shown(value) + "; expected " + expected);
            return otherwise;
        }
        try {
            return parse.apply(scalar.text());
        } catch (IllegalArgumentException e) {
            problem(key, String.valueOf(e.getMessage()));
            return otherwise;
        }
    }

    /** One of a few words; the default when absent or wrong. */
    <T> T word(String key, Map<String, T> words, T otherwise) {
        Optional<String> text = string(key);
        if (text.isEmpty()) {
            return otherwise;
        }
        T found = words.get(text.get());
        if (found == null) {
            problem(
                    key,
                    "is " + Problems.quote(text.get()) + "; allowed are " + String.join(", ", words.keySet())
                            + NearestName.of(text.get(), words.keySet())
                                    .map(nearest -> "; did you mean `" + nearest + "`?")
                                    .orElse(""));
            return otherwise;
        }
        return found;
    }

    /** Program and arguments: strings; plain numbers and booleans are taken as they are written. Empty when absent or wrong. */
    Optional<List<String>> command(String key) {
        Value value = values.get(key);
        if (value == null) {
            return Optional.empty();
        }
        if (!(value instanceof Value.Listing list)) {
            String hint = value instanceof Value.Scalar scalar && !scalar.isNull()
                    ? "; write a list such as [python3, agent.py], or [\"sh\", \"-c\", …] for a shell line"
                    : "";
            problem(key, "is " + shown(value) + "; expected a list of strings" + hint);
            return Optional.empty();
        }
        return TextValues.command(list, at(key), problems);
    }

    /**
     * Names with text. The text of values is kept out of messages, since it may be a secret.
     *
     * @param numbers whether plain numbers and booleans are taken as they are written
     */
    Map<String, String> map(String key, int maxEntries, boolean numbers, Function<String, @Nullable String> wrongKey) {
        Map<String, String> result = new LinkedHashMap<>();
        Value value = values.get(key);
        if (value == null) {
            return result;
        }
        if (!(value instanceof Value.Mapping entries)) {
            problem(key, "is " + value.kind() + "; expected a mapping such as {NAME: value}");
            return result;
        }
        TextValues.into(result, entries, at(key), maxEntries, numbers, wrongKey, problems);
        return result;
    }

    /** The place of one entry of a mapping; this mapping's own when absent. */
    Value placeOf(String key, String entryKey) {
        if (values.get(key) instanceof Value.Mapping entries) {
            for (Value.Entry entry : entries.entries()) {
                if (entry.key() instanceof Value.Scalar name && name.text().equals(entryKey)) {
                    return entry.value();
                }
            }
        }
        return mapping;
    }

    /** What was found, for a message. */
    static String shown(Value value) {
        if (value instanceof Value.Scalar scalar && !scalar.isNull()) {
            return scalar.kind() + ", " + Problems.quote(scalar.text());
        }
        return value.kind().equals("nothing") ? "empty" : value.kind().toLowerCase(Locale.ROOT);
    }

    private record Item(String path, Value value) {}
}
