package dev.tinyvm.spec;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The parts of a document that become arguments and variables of programs: what the kernel cannot take is a problem. */
final class TextValues {
    private TextValues() {}

    /** The path of a key below another. */
    static String at(String path, String key) {
        if (!key.matches("[A-Za-z0-9_$-]+")) {
            String quoted = Problems.quote(key);
            return path + "[\"" + quoted.substring(1, quoted.length() - 1) + "\"]";
        }
        return path.isEmpty() ? key : path + "." + key;
    }

    /** Program and arguments. Empty when there are too many. */
    static Optional<List<String>> command(Value.Listing list, String at, Problems problems) {
        if (list.items().size() > Limits.MAX_ARGUMENTS) {
            problems.add(
                    at,
                    list,
                    "has " + list.items().size() + " entries; at most " + Limits.MAX_ARGUMENTS + " are allowed");
            return Optional.empty();
        }
        List<String> words = new ArrayList<>();
        for (int i = 0; i < list.items().size(); i++) {
            Value item = list.items().get(i);
            String itemPath = at + "[" + i + "]";
            if (!(item instanceof Value.Scalar scalar) || scalar.isNull()) {
                problems.add(itemPath, item, "is " + Section.shown(item) + "; expected a string");
            } else {
                if (i == 0 && scalar.text().isEmpty()) {
                    problems.add(itemPath, item, "is empty; expected the program's name or path");
                }
                checkLength(itemPath, item, scalar.text(), problems);
                words.add(scalar.text());
            }
        }
        return Optional.of(words);
    }

    /** Names with text. @param numbers whether plain numbers and booleans are taken as they are written */
    static void into(
            Map<String, String> result,
            Value.Mapping entries,
            String at,
            int maxEntries,
            boolean numbers,
            Function<String, @Nullable String> wrongKey,
            Problems problems) {
        if (entries.entries().size() > maxEntries) {
            problems.add(
                    at,
                    entries,
                    "has " + entries.entries().size() + " entries; at most " + maxEntries + " are allowed");
            return;
        }
        Map<String, Integer> lines = new LinkedHashMap<>();
        for (Value.Entry entry : entries.entries()) {
            if (!(entry.key() instanceof Value.Scalar name)) {
                problems.add(at, entry.key(), "has " + entry.key().kind() + " as a key; expected a name");
                continue;
            }
            String entryPath = at(at, name.text());
            Integer first = lines.putIfAbsent(name.text(), name.line());
            String wrong = wrongKey.apply(name.text());
            if (first != null) {
                problems.add(entryPath, name, "stands here a second time, first on line " + first + "; keep one");
            } else if (wrong != null) {
                problems.add(entryPath, name, wrong);
            } else if (!(entry.value() instanceof Value.Scalar scalar) || scalar.isNull()) {
                problems.add(
                        entryPath,
                        entry.value(),
                        "is " + entry.value().kind() + "; expected a string, `\"\"` for an empty one");
            } else if (!numbers && !scalar.isString()) {
                problems.add(
                        entryPath, scalar, "is " + Section.shown(scalar) + "; expected a string; put it in quotes");
            } else {
                checkLength(entryPath, scalar, scalar.text(), problems);
                result.put(name.text(), scalar.text());
            }
        }
    }

    private static void checkLength(String at, Value place, String text, Problems problems) {
        if (text.indexOf('\0') >= 0) {
            problems.add(at, place, "holds a NUL byte, which no argument or variable on Linux can have");
        } else if (Limits.bytes(text) > Limits.MAX_STRING_BYTES) {
            problems.add(
                    at,
                    place,
                    "has " + Limits.bytes(text) + " bytes; at most " + Limits.MAX_STRING_BYTES + " are allowed");
        }
    }
}
