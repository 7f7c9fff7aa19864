package dev.tinyvm.spec;

import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** What a descriptor may say at most. Sizes follow from the guest protocol, whose EXEC is one frame of 64 KiB. */
final class Limits {
    static final int MAX_NAME = 50;
    static final int MAX_LABELS = 64;
    static final int MAX_ENV = 1_024;
    static final int MAX_ARGUMENTS = 1_024;
    static final int MAX_VOLUMES = 32;
    static final int MAX_EGRESS_RULES = 256;
    static final int MAX_PORTS = 64;
    static final int MAX_MODELS = 64;
    static final int MAX_STRING_BYTES = 32_768;
    /** Command and environment together, with 4 bytes for each entry: the rest of the frame is for user, directory and the like. */
    static final int MAX_COMMAND_AND_ENV_BYTES = 60_000;

    static final int MAX_PATH_BYTES = 4_095;
    static final int MAX_REPLICAS = 10_000;
    static final int MAX_RESTARTS = 1_000_000;
    static final int MAX_RETRIES = 1_000;
    static final int MAX_LOG_FILES = 100;
    static final long MIN_LOG_FILE_BYTES = 64L << 10;
    static final long MAX_LOG_FILE_BYTES = 1L << 30;

    static final Duration DEFAULT_STOP_GRACE = Duration.ofSeconds(10);
    static final Duration MAX_STOP_GRACE = Duration.ofHours(1);
    static final Duration MIN_WINDOW = Duration.ofSeconds(1);
    static final Duration MAX_WINDOW = Duration.ofDays(7);
    static final Duration MIN_BACKOFF = Duration.ofMillis(10);
    static final Duration MAX_BACKOFF = Duration.ofDays(1);
    static final Duration MIN_HEALTH_INTERVAL = Duration.ofMillis(100);
    static final Duration MIN_HEALTH_TIMEOUT = Duration.ofMillis(10);
    static final Duration MIN_IDLE = Duration.ofSeconds(1);
    static final Duration MAX_IDLE = Duration.ofDays(30);
    static final long MAX_BUDGET_NANO_USD = 1_000_000L * 1_000_000_000L;
    static final Duration MAX_HEALTH = Duration.ofDays(1);

    private Limits() {}

    static int bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** Shortest time for which single lines of the ledger are kept: the present hour is never merged. */
    public static final Duration MIN_LINES_KEPT = Duration.ofHours(1);

    public static final Duration MAX_LINES_KEPT = Duration.ofDays(366);

    /** gVisor sandboxes kept ready for one image, at most. */
    public static final int MAX_GVISOR_SANDBOXES = 128;
}
