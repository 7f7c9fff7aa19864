package dev.tinyvm.engine.container;

import dev.tinyvm.engine.Machine.Pulse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * What the host sees of one wall's threads, without any privilege: its cgroup lists them and counts their CPU time, and {@code /proc} has each one's state. Sources:
 * cgroups(7), proc_pid_stat(5), the kernel's {@code cgroup-v1/cpuacct.rst} and {@code cgroup-v2.rst}.
 *
 * <p>The list and the states are not read at one instant; a thread that hands its work to another meanwhile shows in the CPU time. Immutable, any thread.
 */
final class WallThreads {
    private static final Path PROC = Path.of("/proc");

    private final Path list;
    private final Path cpu;
    private final boolean v2;

    private WallThreads(Path list, Path cpu, boolean v2) {
        this.list = list;
        this.cpu = cpu;
        this.v2 = v2;
    }

    /**
     * Of the wall whose first process has that pid on the host.
     *
     * @throws IOException it has ended, or the manager may not see it
     */
    static WallThreads of(long pid) throws IOException {
        Map<String, String> own = cgroups(read(PROC.resolve(Long.toString(pid)).resolve("cgroup")));
        Map<String, Mount> mounts = mounts(read(PROC.resolve("self/mountinfo")));
        String pids = own.get("pids");
        String cpuacct = own.get("cpuacct");
        if (pids != null && cpuacct != null) {
            return new WallThreads(
                    directory(mounts, "pids", pids).resolve("tasks"),
                    directory(mounts, "cpuacct", cpuacct).resolve("cpuacct.usage"),
                    false);
        }
        String unified = own.get("");
        if (unified == null) {
            throw new IOException("process " + pid + " is in no cgroup of processes");
        }
        Path directory = directory(mounts, "", unified);
        return new WallThreads(directory.resolve("cgroup.threads"), directory.resolve("cpu.stat"), true);
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

    private long cpuNanos() throws IOException {
        String text = read(cpu);
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
    private static boolean isBusy(String thread) throws IOException {
        String stat;
        try {
            stat = read(PROC.resolve(thread).resolve("stat"));
        } catch (NoSuchFileException e) {
            // It ended meanwhile.
            return false;
        } catch (IOException e) {
            if (String.valueOf(e.getMessage()).contains("No such process")) {
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

    /** Lines {@code 8:pids:/path}, {@code 0::/path}. */
    static Map<String, String> cgroups(String text) {
        Map<String, String> paths = new HashMap<>();
        for (String line : text.split("\n")) {
            String[] parts = line.split(":", 3);
            if (parts.length == 3) {
                for (String controller : parts[1].split(",")) {
                    paths.put(controller, parts[2]);
                }
            }
        }
        return paths;
    }

    /** Of {@code mountinfo}: by v1 controller; v2 under the empty word. */
    static Map<String, Mount> mounts(String text) {
        Map<String, Mount> mounts = new HashMap<>();
        for (String line : text.split("\n")) {
            int dash = line.indexOf(" - ");
            if (dash < 0) {
                continue;
            }
            String[] before = line.substring(0, dash).split(" ");
            String[] after = line.substring(dash + 3).split(" ");
            if (before.length < 5 || after.length < 3) {
                continue;
            }
            Mount mount = new Mount(before[3], Path.of(before[4]));
            switch (after[0]) {
                case "cgroup2" -> mounts.putIfAbsent("", mount);
                case "cgroup" -> {
                    for (String option : after[2].split(",")) {
                        mounts.putIfAbsent(option, mount);
                    }
                }
                default -> {
                    // Another file system.
                }
            }
        }
        return mounts;
    }

    private static Path directory(Map<String, Mount> mounts, String controller, String cgroup) throws IOException {
        Mount mount = mounts.get(controller);
        if (mount == null) {
            throw new IOException("the cgroup hierarchy of " + (controller.isEmpty() ? "version 2" : controller)
                    + " is not mounted where the manager runs");
        }
        String below = !mount.root().equals("/") && cgroup.startsWith(mount.root())
                ? cgroup.substring(mount.root().length())
                : cgroup;
        return mount.point().resolve(below.replaceFirst("^/+", ""));
    }

    private static String read(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    }

    /** @param root which directory of the hierarchy is mounted there */
    record Mount(String root, Path point) {}
}
