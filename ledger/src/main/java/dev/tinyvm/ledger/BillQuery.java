package dev.tinyvm.ledger;

import java.time.Instant;
import java.util.Optional;

/**
 * What a bill is to say.
 *
 * @param by one line for each of these
 * @param label whose values make the lines, with {@link By#LABEL}; else empty
 * @param since from this moment on
 * @param until before this moment
 * @param agent only this agent's
 * @param vm only this Tiny VM's, by id or name
 */
public record BillQuery(
        By by,
        String label,
        Optional<Instant> since,
        Optional<Instant> until,
        Optional<String> agent,
        Optional<String> vm) {
    /** Lines of a bill. */
    public enum By {
        AGENT,
        /** A value of one label. */
        LABEL,
        /** A day of UTC. */
        DAY,
        VM,
        /** The API key of whoever made the Tiny VM or called. */
        KEY,
        /** The model of LLM calls; empty: what machines used. */
        MODEL;

        public String word() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    public BillQuery {
        if (by == By.LABEL == label.isEmpty()) {
            throw new IllegalArgumentException("a label goes with By.LABEL and with nothing else");
        }
    }

    /** All there is. */
    public static BillQuery by(By by) {
        return new BillQuery(by, "", Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }
}
