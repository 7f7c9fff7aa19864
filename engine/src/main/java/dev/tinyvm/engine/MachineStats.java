package dev.tinyvm.engine;

/**
 * Figures of one machine. Counters count from its creation.
 *
 * @param cpuMicros CPU time used
 * @param throttledMicros time in which it wanted CPU and was at its limit
 * @param memoryBytes now, page cache of its own included
 * @param memoryPeakBytes largest so far
 * @param memoryLimitBytes upper bound
 * @param pids processes and threads now
 * @param ioReadBytes read from block devices
 * @param ioWriteBytes written to block devices
 * @param oomKills processes that the kernel killed for want of memory
 * @param diskUsedBytes in the writable layer
 * @param diskTotalBytes bound of the writable layer
 * @param frozen whether it is frozen
 * @param memoryMergedBytes memory that shares its pages with memory of the same content elsewhere, by {@code resources.memoryMerge}
 */
public record MachineStats(
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
        boolean frozen,
        long memoryMergedBytes) {
    /** Without merged memory. */
    public MachineStats(
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
            boolean frozen) {
        this(
                cpuMicros,
                throttledMicros,
                memoryBytes,
                memoryPeakBytes,
                memoryLimitBytes,
                pids,
                ioReadBytes,
                ioWriteBytes,
                oomKills,
                diskUsedBytes,
                diskTotalBytes,
                frozen,
                0);
    }
}
