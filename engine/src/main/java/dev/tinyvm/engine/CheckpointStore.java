package dev.tinyvm.engine;

import java.util.Map;
import java.util.Optional;

/**
 * Machines on disk: processes, memory and files of one moment, from which others can be made. Of one engine, and kept on this host. Any thread; methods block.
 */
public interface CheckpointStore {
    /**
     * Writes a running machine, which goes on. Its links to the host do not: whoever held a process, a connection or a listener of the machine finds it lost,
     * and takes it up again in the machine that is returned (see {@link Machine#processes}, {@link Machine#attach}). Must not be frozen.
     *
     * @param spec what the machine was made from
     * @param name {@code [a-z0-9][a-z0-9-]{0,62}}, not in use
     * @param mostBytes what its memory and processes may take on disk
     */
    Outcome write(Machine machine, MachineSpec spec, String name, long mostBytes);

    /**
     * Makes a machine that goes on where the checkpoint was taken, under a name, limits and addresses of its own. May be done again and again.
     *
     * @param spec as for {@link Engine#create}; image and mount paths must be those of the machine that was written
     * @throws EngineException as {@link Engine#create}; {@code NOT_FOUND} when there is no such checkpoint
     */
    Machine restore(String name, MachineSpec spec);

    /** All that are whole, by name, with the bytes they take. */
    Map<String, Long> list();

    /** Removes one; what is not there is removed. Machines that were made from it are not touched. */
    void remove(String name);

    /**
     * What became of a checkpoint.
     *
     * @param machine to go on with, in place of the one that was written; the same one when it has ended meanwhile
     * @param bytes that it takes on disk; 0 when there is none
     * @param failure why there is none
     */
    record Outcome(Machine machine, long bytes, Optional<EngineException> failure) {}
}
