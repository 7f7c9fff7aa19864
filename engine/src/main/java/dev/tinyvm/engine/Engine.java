package dev.tinyvm.engine;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One kind of wall. Threading: every method may be called from any (virtual) thread and blocks; none is called under a lock of the caller.
 * Closing an engine leaves its machines running, for the next manager to adopt.
 */
public interface Engine extends AutoCloseable {
    /** Which wall this is. */
    EngineKind kind();

    /** Whether this host can run it, and if not, what is missing and how to get it. */
    Availability availability();

    /**
     * Makes a machine and waits until its guest answers. When it fails, nothing is left behind.
     *
     * @throws EngineException {@code LIMIT} when the host refuses more, {@code IMAGE} for a broken image, {@code MOUNT} for a refused volume, {@code UNAVAILABLE} when the wall cannot be made
     */
    Machine create(MachineSpec spec);

    /**
     * Finds the machines that an earlier manager left running. Those for which {@code wanted} has no id are destroyed.
     *
     * @param wanted ids that shall be kept
     * @return what was adopted, what was found dead and what was removed
     */
    Adoption adopt(List<String> wanted);

    /** The ids of all machines that exist on the host under this engine, whether dead or alive. */
    List<String> machines();

    /** Removes whatever is left of a machine, by id; nothing happens when there is nothing. */
    void destroy(String id);

    /** Named volumes for its machines; empty when it has none. */
    default Optional<VolumeStore> volumes() {
        return Optional.empty();
    }

    /** Checkpoints of its machines; empty when this wall cannot write any. */
    default Optional<CheckpointStore> checkpoints() {
        return Optional.empty();
    }

    @Override
    void close();

    /**
     * What {@link #adopt} found.
     *
     * @param machines live machines that are wanted
     * @param ended ids that are wanted and ended meanwhile; their remains have been removed
     * @param removed ids that nobody wants, removed
     * @param lastCpuMicros the last CPU counters of those that were removed, by id, as far as they could be read
     */
    record Adoption(List<Machine> machines, List<String> ended, List<String> removed, Map<String, Long> lastCpuMicros) {
        /** When nothing is known of what was removed. */
        public Adoption(List<Machine> machines, List<String> ended, List<String> removed) {
            this(machines, ended, removed, Map.of());
        }
    }

    /** Whether the host offers what an engine needs. */
    sealed interface Availability {
        /** It does. @param detail such as {@code cgroup v1, btrfs layers} */
        record Available(String detail) implements Availability {}

        /** It does not. @param reason what is missing @param remedy how to get it */
        record Missing(String reason, String remedy) implements Availability {}
    }
}
