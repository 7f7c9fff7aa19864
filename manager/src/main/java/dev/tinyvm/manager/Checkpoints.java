package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.spec.Agent;
import java.time.Instant;
import java.util.List;

/**
 * Checkpoints of this host: Tiny VMs on disk, with processes, memory and files of one moment, and with their descriptors. From each, Tiny VMs can be made that
 * go on from there, one or many. They outlive the Tiny VM they were taken of, and the manager, until they are removed. Only gVisor can write them.
 */
public interface Checkpoints {
    /**
     * Writes a running or paused Tiny VM to disk; it goes on as it was. On disk before this returns. What it held through the manager does not go on: commands
     * that somebody follows, connections to its ports, calls to models under way are cut; its processes are not.
     *
     * @param name of the checkpoint, as a Tiny VM's; empty: made up
     * @throws ManagerException {@code CONFLICT} when the name is taken or the Tiny VM does not run, {@code INVALID} behind another wall than gVisor,
     *     {@code NO_CAPACITY} when it would be more than checkpoints may take in all
     */
    CheckpointInfo write(String vm, String name, String owner);

    /** All, by name. */
    List<CheckpointInfo> list();

    /** @throws ManagerException {@code NOT_FOUND} */
    CheckpointInfo get(String name);

    /** Removes it from disk; Tiny VMs made from it are not touched. */
    void remove(String name);

    /**
     * Makes Tiny VMs that go on from a checkpoint, each with an id, a name, limits and an address of its own. All or none.
     *
     * @throws ManagerException as {@link Manager#create}; {@code NO_CAPACITY} when the host has no room for all of them now
     */
    List<VmStatus> restore(RestoreRequest request);

    /**
     * What to make.
     *
     * @param checkpoint its name
     * @param count how many
     * @param name of the Tiny VM, and with {@code -1}, {@code -2}, … of several; empty: made up
     * @param owner name of the API key of whoever makes them; empty: unknown
     */
    record RestoreRequest(String checkpoint, int count, String name, String owner) {
        public static final int MAX_COUNT = 100;
    }

    /**
     * One checkpoint.
     *
     * @param vm id of the Tiny VM it was taken of, which may be gone
     * @param vmName and its name
     * @param descriptor it ran by
     * @param image what its machine was made from, as {@link VmStatus#pinnedImage}
     * @param bytes on disk: memory, and what the files differ in from the image
     * @param owner name of the API key of whoever took it; empty: unknown
     */
    record CheckpointInfo(
            String name,
            String vm,
            String vmName,
            Agent descriptor,
            String engine,
            String image,
            long bytes,
            Instant createdAt,
            String owner) {}
}
