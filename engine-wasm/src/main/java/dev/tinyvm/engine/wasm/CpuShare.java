package dev.tinyvm.engine.wasm;

/**
 * One machine's claim on the CPU, as a bucket: time fills it at the machine's share, measured thread CPU time empties it. Empty: the gate closes
 * until it has filled again. The governor's thread alone calls {@link #tick}.
 */
final class CpuShare {
    /** What may be used at once after a pause, as a part of the share: as in the kernel's CFS, a tenth of a second's worth. */
    private static final long BURST_NANOS = 100_000_000;

    private final Gate gate;
    private volatile int cpuMillis;
    private long levelNanos;
    private long lastNanos;
    private long lastCpuNanos;

    CpuShare(Gate gate, int cpuMillis, long nowNanos) {
        this.gate = gate;
        this.cpuMillis = cpuMillis;
        this.lastNanos = nowNanos;
        this.levelNanos = burst();
    }

    void cpuMillis(int millis) {
        cpuMillis = millis;
    }

    /**
     * Accounts what was used since the last tick.
     *
     * @param cpuNanos used since the machine was made
     * @return whether there is anything left to do while its processes are idle
     */
    boolean tick(long nowNanos, long cpuNanos) {
        long passed = nowNanos - lastNanos;
        lastNanos = nowNanos;
        levelNanos = Math.min(burst(), levelNanos + passed * cpuMillis / 1000) - (cpuNanos - lastCpuNanos);
        lastCpuNanos = cpuNanos;
        gate.throttle(levelNanos < 0, nowNanos);
        return levelNanos < burst();
    }

    private long burst() {
        return BURST_NANOS * cpuMillis / 1000;
    }
}
