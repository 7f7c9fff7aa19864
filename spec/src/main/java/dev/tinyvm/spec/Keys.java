package dev.tinyvm.spec;

import java.util.List;
import java.util.Map;

/**
 * The keys that one mapping may have.
 *
 * @param allowed in the order that messages name them
 * @param elsewhere keys that people write here and that mean something else, with what to do
 */
record Keys(List<String> allowed, Map<String, String> elsewhere) {
    static Keys of(String... allowed) {
        return new Keys(List.of(allowed), Map.of());
    }

    Keys with(Map<String, String> hints) {
        return new Keys(allowed, hints);
    }
}
