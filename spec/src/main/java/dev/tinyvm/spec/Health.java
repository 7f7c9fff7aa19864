package dev.tinyvm.spec;

import java.time.Duration;
import java.util.List;

/**
 * How the manager sees whether an agent works. After {@code retries} failures in a row the Tiny VM is unhealthy, which counts as
 * a failure for the restart policy.
 *
 * @param check what is tried
 * @param interval time between two tries
 * @param timeout after which a try has failed
 * @param startPeriod time after the start in which failures do not count
 * @param retries failures in a row, at least 1
 */
public record Health(Check check, Duration interval, Duration timeout, Duration startPeriod, int retries) {
    /** What is tried. */
    public sealed interface Check {}

    /** A command inside that exits 0. */
    public record Exec(List<String> command) implements Check {
        public Exec {
            command = List.copyOf(command);
        }
    }

    /** A TCP port on the Tiny VM's loopback that accepts. */
    public record Tcp(int port) implements Check {}

    /** A GET on the Tiny VM's loopback that is answered with a status of 200 to 399. */
    public record Http(int port, String path) implements Check {}

    public static final Duration DEFAULT_INTERVAL = Duration.ofSeconds(10);
    public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(5);
    public static final int DEFAULT_RETRIES = 3;
}
