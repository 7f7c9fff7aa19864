package dev.tinyvm.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What another JVM really needs of its heap: its {@code jcmd} collects all garbage there and tells what is left. Resident memory alone cannot tell a leak from a collector that has had no reason to work. */
final class LiveHeap {
    /** Of each generation of the serial collector: {@code DefNew total 7424K, used 1326K [0x…}. */
    private static final Pattern USED = Pattern.compile("total \\d+K, used (\\d+)K");

    private static final int PATIENCE_SECONDS = 20;

    private LiveHeap() {}

    /** Empty: this JVM comes without {@code jcmd}, or may not attach to that process. */
    static OptionalLong bytes(long pid) throws IOException, InterruptedException {
        if (ask(pid, "GC.run").isEmpty()) {
            return OptionalLong.empty();
        }
        long kib = 0;
        Matcher used = USED.matcher(ask(pid, "GC.heap_info"));
        while (used.find()) {
            kib += Long.parseLong(used.group(1));
        }
        return kib == 0 ? OptionalLong.empty() : OptionalLong.of(kib << 10);
    }

    private static String ask(long pid, String what) throws IOException, InterruptedException {
        Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
        if (!Files.isExecutable(jcmd)) {
            return "";
        }
        Process process = new ProcessBuilder(jcmd.toString(), Long.toString(pid), what)
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        boolean over = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
        return over && process.exitValue() == 0 ? said : "";
    }
}
