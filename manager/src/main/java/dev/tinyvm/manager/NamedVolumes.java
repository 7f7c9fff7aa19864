package dev.tinyvm.manager;

import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;

/**
 * Named volumes of this host. One is shared by all Tiny VMs that mount it, with reads and writes as between processes of one machine; an exclusive one is
 * mounted by one Tiny VM at a time, from its start to its end. It outlives them and the manager until it is removed.
 */
public interface NamedVolumes {
    /**
     * Makes one.
     *
     * @param exclusive whether one Tiny VM at a time may mount it
     * @throws ManagerException {@code CONFLICT} when there is one of that name, {@code UNAVAILABLE} when this host has no place for volumes
     */
    VolumeInfo create(String name, long sizeBytes, boolean exclusive);

    /** All, by name. */
    List<VolumeInfo> list();

    /** @throws ManagerException {@code NOT_FOUND} */
    VolumeInfo get(String name);

    /** Changes what it may hold; less than it holds stops writes. */
    VolumeInfo resize(String name, long sizeBytes);

    /** Removes it with all that is in it. @throws ManagerException {@code CONFLICT} while a Tiny VM names it */
    void remove(String name);

    /**
     * One volume as it stands.
     *
     * @param sizeBytes what it may hold
     * @param usedBytes what it holds; empty when that is not known now
     * @param usedBy names of the Tiny VMs that have it in their descriptors, also of those that have ended
     */
    record VolumeInfo(
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
}
