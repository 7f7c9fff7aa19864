package dev.tinyvm.manager;

import static dev.tinyvm.manager.Statements.orNull;

import dev.tinyvm.manager.Manager.CreatedKey;
import dev.tinyvm.manager.Manager.KeyInfo;
import dev.tinyvm.manager.ManagerException.Code;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * API keys. Only SHA-256 hashes are stored (a secret has 160 random bits, so no salt and no slow hash is needed). When a key was last
 * used is stored at most once a minute.
 */
final class Keys {
    private static final int SECRET_BYTES = 20;
    private static final int MAX_NAME = 100;
    private static final Duration USE_STORED_EVERY = Duration.ofMinutes(1);

    private final Store store;
    private final Timing timing;
    private final SecureRandom random = new SecureRandom();
    private final Map<String, Key> byId = new ConcurrentHashMap<>();

    Keys(Store store, Timing timing) {
        this.store = store;
        this.timing = timing;
        store.read(
                        "SELECT id, name, hash, created_at, last_used_at FROM keys",
                        row -> new Key(
                                new KeyInfo(
                                        row.getString(1),
                                        row.getString(2),
                                        Micros.toInstant(row.getLong(4)),
                                        Micros.read(row, "last_used_at")),
                                row.getBytes(3),
                                Instant.EPOCH))
                .forEach(key -> byId.put(key.info().id(), key));
    }

    CreatedKey create(String name) {
        if (name.isBlank() || name.length() > MAX_NAME) {
            throw new ManagerException(
                    Code.INVALID, "a key's name has 1 to " + MAX_NAME + " characters; this one has " + name.length());
        }
        byte[] secretBytes = new byte[SECRET_BYTES];
        byte[] idBytes = new byte[6];
        random.nextBytes(secretBytes);
        random.nextBytes(idBytes);
        String secret = "e2b_" + HexFormat.of().formatHex(secretBytes);
        KeyInfo info = new KeyInfo(
                "key" + HexFormat.of().formatHex(idBytes), name, Micros.exact(timing.now()), Optional.empty());
        Key key = new Key(info, hash(secret), Instant.EPOCH);
        synchronized (this) {
            if (find(name).isPresent()) {
                throw new ManagerException(
                        Code.CONFLICT, "there is already a key " + name + "; choose another name, or revoke it first");
            }
            byId.put(info.id(), key);
        }
        try {
            store.write(List.of(put(key)));
        } catch (RuntimeException e) {
            byId.remove(info.id());
            throw e;
        }
        return new CreatedKey(info, secret);
    }

    /** By name. */
    List<KeyInfo> list() {
        return byId.values().stream()
                .map(Key::info)
                .sorted(Comparator.comparing(KeyInfo::name))
                .toList();
    }

    void revoke(String nameOrId) {
        Key key = find(nameOrId)
                .orElseThrow(() -> new ManagerException(
                        Code.NOT_FOUND, "there is no key " + nameOrId + "; `tinyvm key ls` lists them"));
        // Refused at once, even if the disk fails: a key that someone wants gone must not work on.
        byId.remove(key.info().id());
        store.write(List.of(statements ->
                statements.run("DELETE FROM keys WHERE id = ?", key.info().id())));
    }

    Optional<KeyInfo> authenticate(String secret) {
        byte[] hash = hash(secret);
        Key match = null;
        for (Key key : byId.values()) {
            if (MessageDigest.isEqual(key.hash(), hash)) {
                match = key;
            }
        }
        if (match == null) {
            return Optional.empty();
        }
        Instant now = Micros.exact(timing.now());
        boolean due = match.useStoredAt().plus(USE_STORED_EVERY).isBefore(now);
        KeyInfo used =
                new KeyInfo(match.info().id(), match.info().name(), match.info().createdAt(), Optional.of(now));
        Key touched = new Key(used, match.hash(), due ? now : match.useStoredAt());
        if (byId.replace(used.id(), match, touched) && due) {
            store.submitUnwatched(List.of(statements ->
                    statements.run("UPDATE keys SET last_used_at = ? WHERE id = ?", Micros.of(now), used.id())));
        }
        return Optional.of(used);
    }

    private Optional<Key> find(String nameOrId) {
        Key byExactId = byId.get(nameOrId);
        return byExactId != null
                ? Optional.of(byExactId)
                : byId.values().stream()
                        .filter(k -> k.info().name().equals(nameOrId))
                        .findFirst();
    }

    private static Change put(Key key) {
        KeyInfo info = key.info();
        return statements -> statements.run(
                "INSERT INTO keys(id, name, hash, created_at, last_used_at) VALUES (?,?,?,?,?)",
                info.id(),
                info.name(),
                key.hash(),
                Micros.of(info.createdAt()),
                orNull(info.lastUsedAt().map(Micros::of)));
    }

    private static byte[] hash(String secret) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Identity is the object: compared by reference in {@code replace}. */
    @SuppressWarnings("ClassCanBeRecord")
    private static final class Key {
        private final KeyInfo info;
        private final byte[] hash;
        private final Instant useStoredAt;

        Key(KeyInfo info, byte[] hash, Instant useStoredAt) {
            this.info = info;
            this.hash = hash;
            this.useStoredAt = useStoredAt;
        }

        KeyInfo info() {
            return info;
        }

        byte[] hash() {
            return hash;
        }

        Instant useStoredAt() {
            return useStoredAt;
        }
    }
}
