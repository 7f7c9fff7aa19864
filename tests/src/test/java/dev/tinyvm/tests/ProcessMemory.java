package dev.tinyvm.tests;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What is in the memory of a Tiny VM's processes, as root on the host sees it: {@code /proc/PID/maps} and {@code /proc/PID/mem}, see proc(5). */
final class ProcessMemory {
    private static final int PIECE = 4 << 20;

    private ProcessMemory() {}

    /** In how many processes that share the cgroup of this one the text stands, in memory or in the environment. @param pid of a Tiny VM's first process */
    static int processesWith(long pid, String text) throws IOException {
        int found = 0;
        for (String process : processes(pid)) {
            try {
                if (holds(Path.of("/proc", process), text)) {
                    found++;
                }
            } catch (IOException e) {
                if (Files.exists(Path.of("/proc", process, "maps"))) {
                    throw e;
                }
                // It ended meanwhile.
            }
        }
        return found;
    }

    private static List<String> processes(long pid) throws IOException {
        String own = Files.readString(Path.of("/proc", Long.toString(pid), "cgroup"));
        for (String line : own.split("\n")) {
            String[] parts = line.split(":", 3);
            Path list = parts[1].equals("pids")
                    ? Path.of("/sys/fs/cgroup/pids" + parts[2], "cgroup.procs")
                    : Path.of("/sys/fs/cgroup" + parts[2], "cgroup.procs");
            if ((parts[1].equals("pids") || parts[1].isEmpty()) && !parts[2].equals("/") && Files.exists(list)) {
                return Files.readAllLines(list);
            }
        }
        throw new AssertionError("process " + pid + " is in no cgroup of its own: " + own);
    }

    private static boolean holds(Path process, String text) throws IOException {
        if (latin(Files.readAllBytes(process.resolve("environ"))).contains(text)) {
            return true;
        }
        try (RandomAccessFile memory =
                new RandomAccessFile(process.resolve("mem").toFile(), "r")) {
            for (String line : Files.readAllLines(process.resolve("maps"))) {
                String[] parts = line.split("\\s+", 6);
                if (!parts[1].startsWith("r") || line.endsWith("[vsyscall]") || line.endsWith("[vvar]")) {
                    continue;
                }
                String[] range = parts[0].split("-");
                long from = Long.parseUnsignedLong(range[0], 16);
                long to = Long.parseUnsignedLong(range[1], 16);
                if (from >= 0 && holds(memory, from, to, text)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean holds(RandomAccessFile memory, long from, long to, String text) throws IOException {
        byte[] piece = new byte[(int) Math.min(PIECE, to - from)];
        for (long at = from; at < to; ) {
            memory.seek(at);
            int size;
            try {
                size = memory.read(piece, 0, (int) Math.min(piece.length, to - at));
            } catch (IOException e) {
                // A mapping beyond its file's end, or of a device.
                return false;
            }
            if (size <= 0) {
                return false;
            }
            if (new String(piece, 0, size, StandardCharsets.ISO_8859_1).contains(text)) {
                return true;
            }
            // Pieces overlap, so that nothing stands on an edge unseen.
            at += size <= text.length() ? size : at + size >= to ? size : size - text.length();
        }
        return false;
    }

    private static String latin(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }
}
