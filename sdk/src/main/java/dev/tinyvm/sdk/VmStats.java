package dev.tinyvm.sdk;

import dev.tinyvm.spec.Resources;
import java.time.Instant;

/**
 * Figures of one VM. Counters count from its start.
 *
 * @param cpuCores cores used at present, over the last second or so
 * @param cpuMicros CPU time used
 * @param throttledMicros time it wanted CPU and was at its limit
 * @param oomKills processes that the kernel killed for want of memory
 * @param memoryMergedBytes memory that shares its pages with memory of the same content elsewhere, by {@code resources.memoryMerge}
 */
public record VmStats(
        String id,
        String name,
        String state,
        Resources resources,
        double cpuCores,
        long cpuMicros,
        long throttledMicros,
        long memoryBytes,
        long memoryPeakBytes,
        long memoryLimitBytes,
        int pids,
        long ioReadBytes,
        long ioWriteBytes,
        long oomKills,
        long diskUsedBytes,
        long diskTotalBytes,
        long memoryMergedBytes,
        boolean frozen,
        Instant at) {}
