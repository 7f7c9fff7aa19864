package dev.tinyvm.manager;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What may be promised in all. Given figures count exactly; otherwise the host's are multiplied, since agents mostly wait. */
record Capacity(int cpuMillis, long memoryBytes) {
    private static final long KEPT_FOR_THE_HOST_BYTES = 1L << 30;
    /** The product of a small host is rounded down to whole MiB, so that messages stay readable. */
    private static final long STEP_BYTES = 1L << 20;

    static Capacity of(ManagerSettings settings) {
        return of(settings, Runtime.getRuntime().availableProcessors(), totalMemoryBytes());
    }

    static Capacity of(ManagerSettings settings, int cores, long totalMemoryBytes) {
        int cpu = settings.capacityCpuMillis().orElseGet(() ->
                (int) Math.min(Integer.MAX_VALUE, (long) (cores * 1_000L * settings.cpuOvercommit())));
        long memory = settings.capacityMemoryBytes()
                .orElseGet(() ->
                        (long) (Math.max(0, totalMemoryBytes - KEPT_FOR_THE_HOST_BYTES) * settings.memoryOvercommit())
                                / STEP_BYTES
                                * STEP_BYTES);
        return new Capacity(cpu, memory);
    }

    /** MemTotal of proc(5), or what the JVM says where there is no /proc. */
    private static long totalMemoryBytes() {
        try {
            List<String> lines = Files.readAllLines(Path.of("/proc/meminfo"));
            for (String line : lines) {
                if (line.startsWith("MemTotal:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) << 10;
                }
            }
        } catch (IOException e) {
            // Not Linux; the JVM's own view follows.
        }
        return java.lang.management.ManagementFactory.getOperatingSystemMXBean()
                        instanceof com.sun.management.OperatingSystemMXBean bean
                ? bean.getTotalMemorySize()
                : Runtime.getRuntime().maxMemory();
    }
}
