package dev.tinyvm.server.api;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * What texts mean, the last ones kept: clients send the same descriptor again and again, and reading one costs more than all else that HTTP does for a create. What a text means must depend on nothing but the text,
 * and must not change. Texts that are refused are not kept. For any thread.
 */
final class ReadBefore<T> {
    static final int MOST = 64;
    static final int LONGEST_CHARS = 4 << 10;

    private final Function<String, T> reader;
    private final Map<String, T> kept = new LinkedHashMap<>(MOST, 0.75f, true);

    ReadBefore(Function<String, T> reader) {
        this.reader = reader;
    }

    T get(String text) {
        if (text.length() > LONGEST_CHARS) {
            return reader.apply(text);
        }
        synchronized (kept) {
            T before = kept.get(text);
            if (before != null) {
                return before;
            }
        }
        T read = reader.apply(text);
        synchronized (kept) {
            kept.put(text, read);
            if (kept.size() > MOST) {
                kept.remove(kept.keySet().iterator().next());
            }
        }
        return read;
    }
}
