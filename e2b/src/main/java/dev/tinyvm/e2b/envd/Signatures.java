package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.TokenKey;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.util.Base64;
import java.util.Optional;

/** Who may use {@code /files}: holders of the sandbox's token, or of a URL that one of them signed for this file, action and user. */
final class Signatures {
    private static final String PREFIX = "v1_";
    private final Clock clock;

    Signatures(Clock clock) {
        this.clock = clock;
    }

    /**
     * Checks a request for one file.
     *
     * @param operation {@code read} or {@code write}
     * @throws E2bError 401 with envd's own words
     */
    void check(Exchange exchange, String token, String path, String username, String operation) {
        String sent = exchange.header("X-Access-Token");
        if (!sent.isEmpty()) {
            if (TokenKey.same(sent, token)) {
                return;
            }
            throw new E2bError(401, "access token present in header but does not match");
        }
        String signature =
                exchange.query("signature").orElseThrow(() -> new E2bError(401, "missing signature query parameter"));
        Optional<String> expiration = exchange.query("signature_expiration");
        if (!TokenKey.same(signature, sign(path, operation, username, token, expiration))) {
            throw new E2bError(401, "invalid signature");
        }
        if (expiration.isPresent() && number(expiration.get()) < clock.instant().getEpochSecond()) {
            throw new E2bError(401, "signature is already expired");
        }
    }

    /** As the SDKs make it. */
    static String sign(String path, String operation, String username, String token, Optional<String> expiration) {
        String text = path + ":" + operation + ":" + username + ":" + token
                + expiration.map(e -> ":" + e).orElse("");
        try {
            byte[] sum = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return PREFIX + Base64.getEncoder().withoutPadding().encodeToString(sum);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JVM has no SHA-256", e);
        }
    }

    private static long number(String text) {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new E2bError(401, "invalid signature expiration");
        }
    }
}
