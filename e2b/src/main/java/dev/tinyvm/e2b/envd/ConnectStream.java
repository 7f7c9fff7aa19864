package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.Exchange;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The answer side of a server stream. Messages are buffered until {@link #flush}. Used by one thread. */
final class ConnectStream {
    static final String TYPE = "application/connect+json";
    private static final Duration KEEP_ALIVE = Duration.ofSeconds(90);
    private static final int BUFFER_BYTES = 64 << 10;

    private final Exchange exchange;
    private final Duration keepAlive;
    private final Optional<Duration> timeout;
    private @Nullable OutputStream raw;
    private @Nullable BufferedOutputStream out;

    ConnectStream(Exchange exchange) {
        this.exchange = exchange;
        this.keepAlive = number(exchange.header("Keepalive-Ping-Interval"))
                .filter(n -> n > 0)
                .map(Duration::ofSeconds)
                .orElse(KEEP_ALIVE);
        this.timeout =
                number(exchange.header("Connect-Timeout-Ms")).filter(n -> n > 0).map(Duration::ofMillis);
    }

    /** How often something must be sent. */
    Duration keepAlive() {
        return keepAlive;
    }

    /** How long the client wants the call to take at most. */
    Optional<Duration> timeout() {
        return timeout;
    }

    /** Adds a message. */
    void send(byte[] json) throws IOException {
        out().write(ConnectFrames.frame(0, json));
    }

    /** Adds a message given as ASCII text. */
    void send(String json) throws IOException {
        send(json.getBytes(StandardCharsets.US_ASCII));
    }

    /** Adds {@code prefix + base64(bytes) + suffix} as a message: the hot path of commands' output. */
    void sendBytes(byte[] prefix, byte[] bytes, byte[] suffix) throws IOException {
        byte[] encoded = Base64.getEncoder().encode(bytes);
        BufferedOutputStream to = out();
        int length = prefix.length + encoded.length + suffix.length;
        to.write(0);
        to.write(length >>> 24);
        to.write(length >>> 16);
        to.write(length >>> 8);
        to.write(length);
        to.write(prefix);
        to.write(encoded);
        to.write(suffix);
    }

    void flush() throws IOException {
        if (out != null && raw != null) {
            out.flush();
            raw.flush();
        }
    }

    /** All went well. */
    void end() throws IOException {
        out().write(ConnectFrames.end());
        flush();
    }

    /** It failed. */
    void end(ConnectError error) throws IOException {
        out().write(ConnectFrames.end(error));
        flush();
    }

    private BufferedOutputStream out() {
        if (out == null) {
            exchange.header("Cache-Control", "no-store");
            raw = exchange.stream(200, TYPE);
            out = new BufferedOutputStream(raw, BUFFER_BYTES);
        }
        return out;
    }

    /** Whole, or with a fraction as Python's older SDKs write it: {@code 500.0}. A part of a millisecond is one. */
    private static Optional<Long> number(String text) {
        try {
            return text.isEmpty()
                    ? Optional.empty()
                    : Optional.of(new BigDecimal(text.strip())
                            .setScale(0, RoundingMode.CEILING)
                            .longValueExact());
        } catch (ArithmeticException | NumberFormatException e) {
            throw ConnectError.invalid("a header that should be a number is '" + text + "'");
        }
    }
}
