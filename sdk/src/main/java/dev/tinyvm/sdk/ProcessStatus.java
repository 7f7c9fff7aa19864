package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.List;

/**
 * A process that was started through exec.
 *
 * @param processId the number to signal it by
 * @param pid its pid inside
 * @param tag {@code main} for the descriptor's command
 */
public record ProcessStatus(
        int processId,
        int pid,
        boolean running,
        boolean terminal,
        String tag,
        List<String> command,
        Instant startedAt) {}
