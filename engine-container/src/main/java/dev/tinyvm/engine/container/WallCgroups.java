package dev.tinyvm.engine.container;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** Where one wall's cgroups are on the host, as its first process and the manager's mounts tell. Source: cgroups(7), proc_pid_mountinfo(5). Immutable, any thread. */
final class WallCgroups {
    private final Path root;
    private final Map<String, String> own;
    private final Map<String, Mount> mounts;

    private WallCgroups(Path root, Map<String, String> own, Map<String, Mount> mounts) {
        this.root = root;
        this.own = own;
        this.mounts = mounts;
    }

    /**
     * Of the wall whose first process has that pid on the host.
     *
     * @throws IOException it has ended, or the manager may not see it
     */
    static WallCgroups of(long pid) throws IOException {
        return of(Path.of("/"), pid);
    }

    /** @param root what stands before {@code /proc} and {@code /sys}: of a recording in tests */
    static WallCgroups of(Path root, long pid) throws IOException {
        Path proc = root.resolve("proc");
        Map<String, String> own =
                cgroups(WallThreads.read(proc.resolve(Long.toString(pid)).resolve("cgroup")));
        if (!own.containsKey("") && !own.containsKey("pids")) {
            throw new IOException("process " + pid + " is in no cgroup of processes");
        }
        return new WallCgroups(root, own, mounts(WallThreads.read(proc.resolve("self/mountinfo"))));
    }

    /** Whether its limits and counters are those of v2: on hybrid hosts they are not. */
    boolean v2() {
        return !own.containsKey("pids") || !own.containsKey("cpuacct");
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

    /** Where each process and thread of the host has its directory. */
    Path proc() {
        return root.resolve("proc");
    }

    /**
     * Of the wall, by v1 controller; v2 under the empty word.
     *
     * @throws IOException the hierarchy is not mounted where the manager runs, or the wall is not in it
     */
    Path directory(String controller) throws IOException {
        String cgroup = own.get(controller);
        if (cgroup == null) {
            throw new IOException("the wall is in no cgroup of " + controller);
        }
        Mount mount = mounts.get(controller);
        if (mount == null) {
            throw new IOException("the cgroup hierarchy of " + (controller.isEmpty() ? "version 2" : controller)
                    + " is not mounted where the manager runs");
        }
        String below = !mount.root().equals("/") && cgroup.startsWith(mount.root())
                ? cgroup.substring(mount.root().length())
                : cgroup;
        return root.resolve(mount.point().toString().substring(1)).resolve(below.replaceFirst("^/+", ""));
    }

    /** @param root which directory of the hierarchy is mounted there */
    record Mount(String root, Path point) {}
}
