package dev.tinyvm.server.http;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongSupplier;

/**
 * Who calls. A key comes as {@code Authorization: Bearer <key>} or {@code X-API-Key: <key>}.
 *
 * <p>A right key always passes, whatever others at the same address have tried: keys have 160 random bits, so guessing is hopeless at any rate, and a lock-out would
 * only serve an attacker. What is limited is the answer to wrong ones: {@link #BURST} per address, then {@link #PER_SECOND} a second, else 429.
 */
public final class Authenticator {
    static final int BURST = 20;
    static final int PER_SECOND = 2;
    private static final int ADDRESSES = 4096;

    private final Function<String, Optional<String>> keyNames;
    private final byte[] localKey;
    private final LongSupplier nanoClock;
    private final Map<String, Bucket> buckets = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Bucket> eldest) {
            return size() > ADDRESSES;
        }
    };

    private static final class Bucket {
        double tokens = BURST;
        long atNanos;
    }

    /**
     * Of a manager.
     *
     * @param keyNames the name of the key with this secret, empty when there is none
     * @param localKey the key of the command line on this machine; empty: there is none
     */
    public Authenticator(Function<String, Optional<String>> keyNames, String localKey) {
        this(keyNames, localKey, System::nanoTime);
    }

    Authenticator(Function<String, Optional<String>> keyNames, String localKey, LongSupplier nanoClock) {
        this.keyNames = keyNames;
        this.localKey = localKey.getBytes(StandardCharsets.UTF_8);
        this.nanoClock = nanoClock;
    }

    /**
     * The caller's name: that of the key, or {@code local}.
     *
     * @param secret empty: none was sent
     * @throws HttpError 401, or 429 after too many wrong keys from this address
     */
    public String authenticate(String secret, String address) {
        if (secret.isEmpty()) {
            throw HttpError.of(
                            401,
                            "unauthorized",
                            "this needs an API key and none was sent",
                            "send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'; './tinyvm key create NAME' makes one")
                    .withHeaders(Map.of("WWW-Authenticate", "Bearer"));
        }
        if (localKey.length > 0 && MessageDigest.isEqual(localKey, secret.getBytes(StandardCharsets.UTF_8))) {
            return "local";
        }
        Optional<String> name = keyNames.apply(secret);
        if (name.isPresent()) {
            return name.get();
        }
        if (!take(address)) {
            throw HttpError.of(429, "too_many_attempts", "too many wrong API keys from this address", "wait a second")
                    .withHeaders(Map.of("Retry-After", "1"));
        }
        throw HttpError.of(
                        401,
                        "unauthorized",
                        "this API key is not known",
                        "it may have been revoked; './tinyvm key ls' lists keys, './tinyvm key create NAME' makes one")
                .withHeaders(Map.of("WWW-Authenticate", "Bearer"));
    }

    private boolean take(String address) {
        synchronized (buckets) {
            long now = nanoClock.getAsLong();
            Bucket bucket = buckets.computeIfAbsent(address, a -> {
                Bucket fresh = new Bucket();
                fresh.atNanos = now;
                return fresh;
            });
            bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.atNanos) / 1e9 * PER_SECOND);
            bucket.atNanos = now;
            if (bucket.tokens < 1) {
                return false;
            }
            bucket.tokens--;
            return true;
        }
    }
}
