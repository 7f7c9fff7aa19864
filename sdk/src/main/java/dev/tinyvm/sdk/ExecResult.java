package dev.tinyvm.sdk;

import java.nio.charset.StandardCharsets;

/**
 * How a command ended and what it said.
 *
 * @param exitCode 0 to 255; −1 when a signal ended it
 * @param signal 0 when none
 * @param stdoutTruncated whether there was more than is kept
 * @param timedOut whether it was killed because its time was up
 */
@SuppressWarnings("ArrayRecordComponent") // bytes are handed over, not compared
public record ExecResult(
        int exitCode,
        int signal,
        byte[] stdout,
        byte[] stderr,
        boolean stdoutTruncated,
        boolean stderrTruncated,
        boolean timedOut,
        long cpuMicros,
        long maxRssBytes) {
    public String stdoutText() {
        return new String(stdout, StandardCharsets.UTF_8);
    }

    public String stderrText() {
        return new String(stderr, StandardCharsets.UTF_8);
    }

    /** As a shell says it: the code, or 128 + signal. */
    public int shellStatus() {
        return signal == 0 ? exitCode : 128 + signal;
    }
}
