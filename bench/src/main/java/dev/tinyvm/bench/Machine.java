package dev.tinyvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What the machine says of itself in /proc and /sys; see proc(5). */
final class Machine {
    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");

    private Machine() {}

    /** Cores, model, memory, kernel, in a line. */
    static String line() {
        String model = field(Path.of("/proc/cpuinfo"), "model name");
        String kernel = read(Path.of("/proc/sys/kernel/osrelease"));
        long gib = Math.round(kib(Path.of("/proc/meminfo"), "MemTotal") / 1048576.0);
        return Runtime.getRuntime().availableProcessors() + " cores" + (model.isEmpty() ? "" : " of " + model) + ", "
                + gib + " GiB, Linux " + kernel + ", JDK " + Runtime.version().feature();
    }

    static long memAvailableBytes() {
        return kib(Path.of("/proc/meminfo"), "MemAvailable") << 10;
    }

    static long rssBytes(long pid) {
        return kib(Path.of("/proc/" + pid + "/status"), "VmRSS") << 10;
    }

    /** User and system time of a process; its clock ticks are hundredths of a second, see proc_pid_stat(5). */
    static double cpuSeconds(long pid) {
        String stat = read(Path.of("/proc/" + pid + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ");
        return fields.length < 13 ? 0 : (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
    }

    static long threads(long pid) {
        return kib(Path.of("/proc/" + pid + "/status"), "Threads");
    }

    /** −1 when it may not be looked at: that takes root. */
    static long descriptors(long pid) {
        try (Stream<Path> files = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            return files.count();
        } catch (IOException e) {
            return -1;
        }
    }

    /** All directories of all cgroup hierarchies. */
    static long cgroups() {
        try (Stream<Path> all = Files.walk(CGROUPS)) {
            return all.filter(Files::isDirectory).count();
        } catch (IOException | java.io.UncheckedIOException e) {
            // A cgroup that goes away while it is walked over.
            return -1;
        }
    }

    /** Mounts in that process's mount namespace. */
    static long mounts(String pid) {
        try (Stream<String> lines = Files.lines(Path.of("/proc/" + pid + "/mountinfo"))) {
            return lines.count();
        } catch (IOException e) {
            return -1;
        }
    }

    /** Processes whose command line has all these words. */
    static List<Long> processes(String... words) {
        return ProcessHandle.allProcesses()
                .filter(p -> {
                    String line = read(Path.of("/proc/" + p.pid() + "/cmdline")).replace('\0', ' ');
                    return Stream.of(words).allMatch(line::contains);
                })
                .map(ProcessHandle::pid)
                .sorted()
                .toList();
    }

    private static long kib(Path file, String name) {
        String digits = field(file, name).replaceAll("[^0-9]", "");
        return digits.isEmpty() ? -1 : Long.parseLong(digits);
    }

    private static String field(Path file, String name) {
        for (String line : read(file).split("\n")) {
            int colon = line.indexOf(':');
            if (colon > 0 && line.substring(0, colon).strip().equals(name)) {
                return line.substring(colon + 1).strip();
            }
        }
        return "";
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, java.nio.charset.StandardCharsets.ISO_8859_1)
                    .strip();
        } catch (IOException e) {
            return "";
        }
    }
}
