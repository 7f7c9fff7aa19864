package dev.tinyvm.spec;

/**
 * One agent as its descriptor names it: what runs, in which Tiny VM, how often.
 *
 * @param metadata name and labels
 * @param spec what runs
 */
public record Agent(Metadata metadata, AgentSpec spec) {
    /** The only {@code apiVersion} that this version reads. */
    public static final String API_VERSION = "tinyvm.dev/v1";

    /** The only {@code kind} that a descriptor has. */
    public static final String KIND = "Agent";
}
