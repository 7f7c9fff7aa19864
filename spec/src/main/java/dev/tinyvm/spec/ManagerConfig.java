package dev.tinyvm.spec;

import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The manager's configuration, {@code tinyvm.yaml}. No secret stands in it.
 *
 * @param capacityCpuMillis CPU that may be promised in all; empty: chosen from the machine
 * @param capacityMemoryBytes memory that may be promised in all; empty: chosen from the machine
 * @param volumeHostPaths absolute directories under which descriptors may mount
 * @param logs how much of each Tiny VM's output is kept
 */
public record ManagerConfig(
        OptionalInt capacityCpuMillis, OptionalLong capacityMemoryBytes, List<String> volumeHostPaths, Logs logs) {
    public ManagerConfig {
        volumeHostPaths = List.copyOf(volumeHostPaths);
    }

    /**
     * Log rotation.
     *
     * @param maxFileBytes size at which a log file is rotated
     * @param maxFiles how many files a Tiny VM keeps, at least 1
     */
    public record Logs(long maxFileBytes, int maxFiles) {
        public static final Logs DEFAULT = new Logs(4L << 20, 4);
    }

    /** What holds without a file. */
    public static final ManagerConfig DEFAULT =
            new ManagerConfig(OptionalInt.empty(), OptionalLong.empty(), List.of(), Logs.DEFAULT);
}
