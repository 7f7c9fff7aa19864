package dev.tinyvm.ledger;

/** What is counted. All are whole numbers in the unit of the name; money is in billionths of a US dollar. */
public enum Measure {
    /** CPU time used. */
    CPU_MICROS("cpuMicros", "cpu_micros"),
    /** Wall time with a machine that was neither waiting nor paused. */
    ACTIVE_MILLIS("activeMillis", "active_ms"),
    /** Wall time frozen on LLM calls. */
    WAITING_MILLIS("waitingMillis", "waiting_ms"),
    /** Wall time paused by its user or its deadline. */
    PAUSED_MILLIS("pausedMillis", "paused_ms"),
    /** Memory held while active: 1,024 bytes for a second are 1. */
    ACTIVE_KIB_SECONDS("activeKibSeconds", "active_kib_s"),
    /** Memory held while waiting. */
    WAITING_KIB_SECONDS("waitingKibSeconds", "waiting_kib_s"),
    /** Memory held while paused. */
    PAUSED_KIB_SECONDS("pausedKibSeconds", "paused_kib_s"),
    /** Bytes sent out of the host. */
    EGRESS_BYTES("egressBytes", "egress_bytes"),
    /** LLM calls that reached a provider. */
    REQUESTS("requests", "requests"),
    /** Tokens of prompts, cached ones included. */
    INPUT_TOKENS("inputTokens", "input_tokens"),
    /** The part of them that the provider read from its cache. */
    CACHED_INPUT_TOKENS("cachedInputTokens", "cached_tokens"),
    /** Tokens generated. */
    OUTPUT_TOKENS("outputTokens", "output_tokens"),
    /** Money for CPU, memory and wall time. */
    COMPUTE_NANO_USD("computeNanoUsd", "compute_nano"),
    /** Money for egress. */
    EGRESS_NANO_USD("egressNanoUsd", "egress_nano"),
    /** Money for LLM calls. */
    LLM_NANO_USD("llmNanoUsd", "llm_nano");

    static final int COUNT = values().length;

    private final String word;
    private final String column;

    Measure(String word, String column) {
        this.word = word;
        this.column = column;
    }

    /** Its place in every list of measures. */
    @SuppressWarnings("EnumOrdinal") // Nothing is stored by it.
    int index() {
        return ordinal();
    }

    /** Its name in JSON and CSV. */
    public String word() {
        return word;
    }

    /** Its name in the database. */
    String column() {
        return column;
    }
}
