package dev.tinyvm.manager;

import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which Tiny VM an idempotency key stands for. Kept for a day, at most the newest 10,000. The monitor guards the map.
 */
final class IdempotencyTable {
    private static final int MAX_KEYS = 10_000;
    private static final Duration KEPT = Duration.ofDays(1);

    private final Map<String, Entry> entries = new LinkedHashMap<>();

    IdempotencyTable(Store store) {
        store.read(
                        "SELECT key, content, vm, at FROM idempotency ORDER BY at",
                        row -> Map.entry(
                                row.getString(1),
                                new Entry(row.getBytes(2), row.getString(3), Micros.toInstant(row.getLong(4)))))
                .forEach(e -> entries.put(e.getKey(), e.getValue()));
    }

    /**
     * The Tiny VM that an earlier request with this key made or is making; empty: this is the first one, and the key is now taken for {@code vm}.
     *
     * @throws ManagerException {@code CONFLICT} when the earlier request asked for something else
     */
    synchronized Optional<String> claim(String key, byte[] content, String vm, Instant now) {
        Entry found = entries.get(key);
        if (found != null && found.at().plus(KEPT).isAfter(now)) {
            if (!MessageDigest.isEqual(found.content(), content)) {
                throw new ManagerException(
                        ManagerException.Code.CONFLICT,
                        "the idempotency key " + key
                                + " was used for another request; use a new key for a new Tiny VM");
            }
            return Optional.of(found.vm());
        }
        entries.remove(key);
        entries.put(key, new Entry(content, vm, Micros.exact(now)));
        return Optional.empty();
    }

    /** The change that stores a claimed key, together with those that outlived their time. */
    synchronized List<Change> store(String key, Instant now) {
        Entry entry = entries.get(key);
        if (entry == null) {
            return List.of();
        }
        List<Change> changes = new java.util.ArrayList<>();
        changes.add(statements -> statements.run(
                "INSERT OR REPLACE INTO idempotency(key, content, vm, at) VALUES (?,?,?,?)",
                key,
                entry.content(),
                entry.vm(),
                Micros.of(entry.at())));
        Iterator<Map.Entry<String, Entry>> oldest = entries.entrySet().iterator();
        while (oldest.hasNext()) {
            Map.Entry<String, Entry> candidate = oldest.next();
            if (entries.size() <= MAX_KEYS
                    && candidate.getValue().at().plus(KEPT).isAfter(now)) {
                break;
            }
            oldest.remove();
            changes.add(delete(candidate.getKey()));
        }
        return changes;
    }

    /** Gives a key free whose create failed. */
    synchronized List<Change> release(String key) {
        return entries.remove(key) == null ? List.of() : List.of(delete(key));
    }

    private static Change delete(String key) {
        return statements -> statements.run("DELETE FROM idempotency WHERE key = ?", key);
    }

    @SuppressWarnings("ArrayRecordComponent") // Compared by its own equals; not handed out.
    private record Entry(byte[] content, String vm, Instant at) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Entry e && Arrays.equals(content, e.content) && vm.equals(e.vm) && at.equals(e.at);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(content);
        }
    }
}
