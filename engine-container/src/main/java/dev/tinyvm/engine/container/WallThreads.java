package dev.tinyvm.engine.container;

import dev.tinyvm.engine.Machine.Pulse;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the host sees of one wall's threads, without any privilege: its cgroup lists them and counts their CPU time, and {@code /proc} has each one's state. Sources:
 * cgroups(7), proc_pid_stat(5), the kernel's {@code cgroup-v1/cpuacct.rst} and {@code cgroup-v2.rst}.
 *
 * <p>The list and the states are not read at one instant; a thread that hands its work to another meanwhile shows in the CPU time. Immutable, any thread.
 */
final class WallThreads {
    /** More than a thread's line, a counter and cpu.stat have. */
    private static final int SHORT_BYTES = 2_048;

    private final Path proc;
    private final Path list;
    private final Path cpu;
    private final boolean v2;

    private WallThreads(Path proc, Path list, Path cpu, boolean v2) {
        this.proc = proc;
        this.list = list;
        this.cpu = cpu;
        this.v2 = v2;
    }

    /** @throws IOException a hierarchy is not mounted where the manager runs */
    static WallThreads of(WallCgroups cgroups) throws IOException {
        return cgroups.v2()
                ? new WallThreads(
                        cgroups.proc(),
                        cgroups.directory("").resolve("cgroup.threads"),
                        cgroups.directory("").resolve("cpu.stat"),
                        true)
                : new WallThreads(
                        cgroups.proc(),
                        cgroups.directory("pids").resolve("tasks"),
                        cgroups.directory("cpuacct").resolve("cpuacct.usage"),
                        false);
    }

    Pulse pulse() throws IOException {
        boolean busy = false;
        for (String thread : read(list).split("\n")) {
            if (!thread.isEmpty() && isBusy(thread)) {
                busy = true;
                break;
            }
        }
        return new Pulse(busy, cpuNanos());
    }

    /** CPU time used. */
    long cpuNanos() throws IOException {
        String text = readShort(cpu);
        if (!v2) {
            return Long.parseLong(text.strip());
        }
        for (String line : text.split("\n")) {
            if (line.startsWith("usage_usec ")) {
                return Long.parseLong(line.substring("usage_usec ".length()).strip()) * 1_000;
            }
        }
        throw new IOException(cpu + " has no usage_usec");
    }

    /** R: runs or wants to; D: waits for a disk; W and P are states of old kernels on the way to running. */
    private boolean isBusy(String thread) throws IOException {
        Path process = proc.resolve(thread);
        String stat;
        try {
            stat = readShort(process.resolve("stat"));
        } catch (IOException e) {
            if (!Files.exists(process)) {
                // It ended meanwhile.
                return false;
            }
            throw e;
        }
        return isBusyState(stat);
    }

    /** The name before the state is the process's own choice and may hold anything, parentheses too. */
    static boolean isBusyState(String stat) throws IOException {
        int name = stat.lastIndexOf(')');
        if (name < 0 || name + 2 >= stat.length()) {
            throw new IOException("a line of /proc that is none: no state");
        }
        char state = stat.charAt(name + 2);
        return state == 'R' || state == 'D';
    }

    static String read(Path file) throws IOException {
        try (FileInputStream in = new FileInputStream(file.toFile())) {
            return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    /** Of a file that the kernel gives in one piece, by the plainest way there is: a look reads one for each thread, and thousands may be looked at. */
    private static String readShort(Path file) throws IOException {
        try (FileInputStream in = new FileInputStream(file.toFile())) {
            byte[] bytes = new byte[SHORT_BYTES];
            int length = in.read(bytes);
            return new String(bytes, 0, Math.max(0, length), StandardCharsets.ISO_8859_1);
        }
    }
}
