package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.Optional;

/**
 * Which bill.
 *
 * @param by {@code agent}, {@code vm}, {@code day} (UTC), {@code key}, {@code model} or {@code label=KEY}
 * @param since from this moment on
 * @param until before this moment
 * @param agent only this agent's
 * @param vm only this VM's, by id or name
 */
public record BillRequest(
        String by, Optional<Instant> since, Optional<Instant> until, Optional<String> agent, Optional<String> vm) {
    /** All there is. */
    public static BillRequest by(String by) {
        return new BillRequest(by, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }
}
