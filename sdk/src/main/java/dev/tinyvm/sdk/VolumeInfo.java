package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;

/**
 * A named volume as it stands.
 *
 * @param sizeBytes what it may hold
 * @param exclusive whether one Tiny VM at a time may mount it
 * @param usedBytes what it holds; empty when that is not known now
 * @param usedBy names of the Tiny VMs that have it
 */
public record VolumeInfo(
        String name,
        long sizeBytes,
        boolean exclusive,
        Instant createdAt,
        OptionalLong usedBytes,
        List<String> usedBy) {
    public VolumeInfo {
        usedBy = List.copyOf(usedBy);
    }
}
