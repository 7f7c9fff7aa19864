package dev.tinyvm.network;

import java.time.Instant;

/**
 * One line of a Tiny VM's egress log. No path, no header and no content is in it.
 *
 * @param at when
 * @param kind {@code http}, {@code connect} (a tunnel) or {@code dns}
 * @param outcome what became of it
 * @param destination {@code host:port} as it was asked for
 * @param address that was connected to; empty: none was
 * @param reason a stable code; empty when allowed
 * @param bytesOut sent by the Tiny VM; known when closed
 * @param bytesIn received; known when closed
 * @param millis how long it was open; known when closed
 */
public record EgressAttempt(
        Instant at,
        String kind,
        Outcome outcome,
        String destination,
        String address,
        String reason,
        long bytesOut,
        long bytesIn,
        long millis) {
    /** What became of a try. */
    public enum Outcome {
        ALLOWED,
        REFUSED,
        FAILED,
        CLOSED
    }
}
