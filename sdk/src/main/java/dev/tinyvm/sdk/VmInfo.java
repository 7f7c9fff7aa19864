package dev.tinyvm.sdk;

import dev.tinyvm.spec.Resources;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A Tiny VM as it stands.
 *
 * @param id unique for ever
 * @param name for people
 * @param agent name of its agent; empty for one made by itself
 * @param engine which wall; empty until chosen
 * @param pinnedImage what its machines are made from, whatever its tag points to by now; {@code sha256-} and digits, or a name
 * @param state {@code pending}, {@code starting}, {@code running}, {@code waiting}, {@code paused}, {@code stopping}, {@code stopped}, {@code failed}
 * @param reason a word such as {@code OOMKilled}; empty while all is well
 * @param message a sentence; may be empty
 * @param healthy empty without a health check
 * @param exitCode of the last main process; −1 when a signal ended it
 * @param signal that ended the last main process
 * @param hostPid of its first process; 0 when none
 * @param use since its manager made it or took it up
 * @param descriptorJson what it was made from, as JSON; empty in lists
 */
public record VmInfo(
        String id,
        String name,
        String agent,
        String image,
        List<String> command,
        Map<String, String> labels,
        Resources resources,
        String engine,
        String engineReason,
        String pinnedImage,
        String state,
        String reason,
        String message,
        Optional<Boolean> healthy,
        int restarts,
        OptionalInt exitCode,
        OptionalInt signal,
        long hostPid,
        Instant createdAt,
        Optional<Instant> startedAt,
        Optional<Instant> endedAt,
        Use use,
        String descriptorJson) {
    /** Whether it is {@code stopped} or {@code failed}. */
    public boolean ended() {
        return state.equals("stopped") || state.equals("failed");
    }

    /** Whether it holds a machine and capacity. */
    public boolean live() {
        return !ended() && !state.equals("pending");
    }

    /**
     * How it spent its time.
     *
     * @param activeSeconds in which it could run
     * @param waitingSeconds in which it was frozen because it waited for a model
     * @param waits how often it was
     * @param cpuSeconds CPU time once its main process has ended; 0 before
     */
    public record Use(double activeSeconds, double waitingSeconds, long waits, double cpuSeconds) {}
}
