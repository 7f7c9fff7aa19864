package dev.tinyvm.spec;

/**
 * Upper bounds of one Tiny VM.
 *
 * @param cpuMillis thousandths of a core, a multiple of 100, at least 100
 * @param memoryBytes bytes of memory, at least 4 MiB
 * @param diskBytes bytes that the writable layer may hold, at least 1 MiB
 * @param pids processes and threads together, 1 to 32,768
 * @param memoryMerge whether the kernel may merge pages with the same content among the Tiny VMs of this host that ask for it
 */
public record Resources(int cpuMillis, long memoryBytes, long diskBytes, int pids, boolean memoryMerge) {
    /** What a descriptor without {@code resources} gets. */
    public static final Resources DEFAULT = new Resources(500, 64L << 20, 256L << 20, 64);

    public static final int MIN_CPU_MILLIS = 100;
    public static final int CPU_STEP_MILLIS = 100;
    public static final int MAX_CPU_MILLIS = 1_024_000;
    public static final long MIN_MEMORY_BYTES = 4L << 20;
    public static final long MIN_DISK_BYTES = 1L << 20;
    public static final int MAX_PIDS = 32_768;

    /** Without merging of memory. */
    public Resources(int cpuMillis, long memoryBytes, long diskBytes, int pids) {
        this(cpuMillis, memoryBytes, diskBytes, pids, false);
    }
}
