package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.Optional;

/** A key without its secret. */
public record ApiKey(String id, String name, Instant createdAt, Optional<Instant> lastUsedAt) {
    /** A new key, with the secret that is shown once. */
    public record Created(ApiKey key, String secret) {
        /** Without the secret. */
        @Override
        public String toString() {
            return "Created[" + key + "]";
        }
    }
}
