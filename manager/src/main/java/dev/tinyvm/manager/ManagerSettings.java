package dev.tinyvm.manager;

import dev.tinyvm.spec.ManagerConfig;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What a {@link HostManager} is told at its start.
 *
 * @param version of the program, for {@link Manager.HostStatus}
 * @param capacityCpuMillis CPU that may be promised in all, exactly; empty: cores × {@code cpuOvercommit}
 * @param capacityMemoryBytes memory that may be promised in all, exactly; empty: (total − 1 GiB) × {@code memoryOvercommit}
 * @param cpuOvercommit how many times each core is promised when no capacity is given, at least 1
 * @param memoryOvercommit how many times memory is promised when no capacity is given, at least 1
 * @param volumeHostPaths absolute host directories under which descriptors may mount
 * @param logs how much of each Tiny VM's output is kept
 * @param ledger prices, and how long single lines of the record are kept
 * @param checkpointBytes what all checkpoints together may take on disk
 * @param endedVmsKept ended Tiny VMs made by themselves that stay listed; older ones are forgotten with their logs
 * @param eventsKept events that stay readable
 */
public record ManagerSettings(
        String version,
        OptionalInt capacityCpuMillis,
        OptionalLong capacityMemoryBytes,
        double cpuOvercommit,
        double memoryOvercommit,
        List<String> volumeHostPaths,
        ManagerConfig.Logs logs,
        ManagerConfig.Ledger ledger,
        long checkpointBytes,
        int endedVmsKept,
        int eventsKept) {
    public static final double DEFAULT_CPU_OVERCOMMIT = 16;
    public static final double DEFAULT_MEMORY_OVERCOMMIT = 2;
    public static final int DEFAULT_ENDED_VMS_KEPT = 1_000;
    public static final int DEFAULT_EVENTS_KEPT = 10_000;

    public ManagerSettings {
        volumeHostPaths = List.copyOf(volumeHostPaths);
        if (cpuOvercommit < 1 || memoryOvercommit < 1) {
            throw new IllegalArgumentException("overcommit of CPU " + cpuOvercommit + ", memory " + memoryOvercommit
                    + "; each must be at least 1");
        }
        if (endedVmsKept < 0 || eventsKept < 1) {
            throw new IllegalArgumentException("endedVmsKept " + endedVmsKept + ", eventsKept " + eventsKept);
        }
    }

    /** What a configuration says, with defaults for the rest. */
    public static ManagerSettings of(ManagerConfig config, String version) {
        return new ManagerSettings(
                version,
                config.capacityCpuMillis(),
                config.capacityMemoryBytes(),
                DEFAULT_CPU_OVERCOMMIT,
                DEFAULT_MEMORY_OVERCOMMIT,
                config.volumeHostPaths(),
                config.logs(),
                config.ledger(),
                config.checkpointBytes(),
                DEFAULT_ENDED_VMS_KEPT,
                DEFAULT_EVENTS_KEPT);
    }

    /** With another capacity, such as from {@code --capacity}; empty parts stay as they are. */
    public ManagerSettings withCapacity(OptionalInt cpuMillis, OptionalLong memoryBytes) {
        return new ManagerSettings(
                version,
                cpuMillis.isPresent() ? cpuMillis : capacityCpuMillis,
                memoryBytes.isPresent() ? memoryBytes : capacityMemoryBytes,
                cpuOvercommit,
                memoryOvercommit,
                volumeHostPaths,
                logs,
                ledger,
                checkpointBytes,
                endedVmsKept,
                eventsKept);
    }
}
