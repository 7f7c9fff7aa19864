package dev.tinyvm.engine;

import java.time.Instant;
import java.util.List;

/**
 * A process that was started through exec.
 *
 * @param processId the guest's number
 * @param pid pid inside
 * @param running whether it still runs
 * @param terminal whether it has a terminal
 * @param tag the caller's word
 * @param command program and arguments
 * @param startedAt when
 */
public record ProcessInfo(
        int processId,
        int pid,
        boolean running,
        boolean terminal,
        String tag,
        List<String> command,
        Instant startedAt) {
    public ProcessInfo {
        command = List.copyOf(command);
    }
}
