package dev.tinyvm.guestlink;

/**
 * Figures that the guest knows of itself.
 *
 * @param uptimeMicros since its start
 * @param processesRunning started by EXEC and still running
 * @param memoryBytes private memory of the guest program
 * @param diskTotalBytes of its root file system
 * @param diskUsedBytes of its root file system
 */
public record GuestStatistics(
        long uptimeMicros, long processesRunning, long memoryBytes, long diskTotalBytes, long diskUsedBytes) {}
