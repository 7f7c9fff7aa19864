package dev.tinyvm.llm.http;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Header fields in the order and spelling in which they came; names compare without case. Immutable. */
public final class Headers implements Iterable<Headers.Field> {
    private static final Headers NONE = new Headers(List.of());

    private final List<Field> fields;

    /** One field, such as {@code Content-Type: text/event-stream}. */
    public record Field(String name, String value) {}

    private Headers(List<Field> fields) {
        this.fields = fields;
    }

    /** No fields at all. */
    public static Headers none() {
        return NONE;
    }

    /** These fields. */
    public static Headers of(List<Field> fields) {
        return new Headers(List.copyOf(fields));
    }

    /** Names and values in turns. */
    public static Headers of(String... namesAndValues) {
        List<Field> fields = new ArrayList<>();
        for (int i = 0; i + 1 < namesAndValues.length; i += 2) {
            fields.add(new Field(namesAndValues[i], namesAndValues[i + 1]));
        }
        return of(fields);
    }

    /** The first value of that name. */
    public Optional<String> first(String name) {
        for (Field field : fields) {
            if (field.name().equalsIgnoreCase(name)) {
                return Optional.of(field.value());
            }
        }
        return Optional.empty();
    }

    /** All values of that name, in order. */
    public List<String> all(String name) {
        List<String> values = new ArrayList<>();
        for (Field field : fields) {
            if (field.name().equalsIgnoreCase(name)) {
                values.add(field.value());
            }
        }
        return values;
    }

    /** The media type without parameters, in lower case; empty when there is none. */
    public String mediaType() {
        String type = first("Content-Type").orElse("");
        int semicolon = type.indexOf(';');
        return (semicolon < 0 ? type : type.substring(0, semicolon)).strip().toLowerCase(Locale.ROOT);
    }

    /** Without the fields of these names, which are in lower case. */
    public Headers without(Set<String> lowerCaseNames) {
        List<Field> kept = new ArrayList<>(fields.size());
        for (Field field : fields) {
            if (!lowerCaseNames.contains(field.name().toLowerCase(Locale.ROOT))) {
                kept.add(field);
            }
        }
        return new Headers(List.copyOf(kept));
    }

    /** With this field in the place of any of the same name. */
    public Headers with(String name, String value) {
        List<Field> all = new ArrayList<>(fields.size() + 1);
        for (Field field : fields) {
            if (!field.name().equalsIgnoreCase(name)) {
                all.add(field);
            }
        }
        all.add(new Field(name, value));
        return new Headers(List.copyOf(all));
    }

    /** The fields as a list. */
    public List<Field> fields() {
        return fields;
    }

    @Override
    public Iterator<Field> iterator() {
        return fields.iterator();
    }
}
