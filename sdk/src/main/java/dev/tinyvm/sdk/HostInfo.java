package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.List;

/** The host as the scheduler sees it. @param cpuMillisPromised what live VMs may use together */
public record HostInfo(
        String version,
        Instant startedAt,
        int cpuMillisCapacity,
        int cpuMillisPromised,
        long memoryBytesCapacity,
        long memoryBytesPromised,
        int vmsLive,
        int vmsPending,
        List<EngineInfo> engines) {
    /** @param detail when not available: what is missing and how to get it */
    public record EngineInfo(String engine, boolean available, String detail) {}
}
