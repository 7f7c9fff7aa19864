package dev.tinyvm.app;

import dev.tinyvm.cli.Shell;
import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.images.PullProgress;
import java.util.HashMap;
import java.util.Map;

/**
 * How a transfer goes on: on a terminal one line that changes, elsewhere a plain line for each step of a blob that is worth one. For any thread; close it to clear
 * the line.
 */
final class TransferProgress implements PullProgress, AutoCloseable {
    private static final long REDRAW_NANOS = 100_000_000;
    private static final int BAR = 24;
    /** {@code sha256:} and twelve digits. */
    private static final int SHOWN = 19;

    private final Shell shell;
    private final String verb;
    private final boolean quiet;
    private final Map<String, Blob> blobs = new HashMap<>();
    private long drawnAt;
    private boolean drawn;

    private record Blob(Step step, long done, long total) {}

    /** @param verb such as {@code pulling} @param quiet nothing at all */
    TransferProgress(Shell shell, String verb, boolean quiet) {
        this.shell = shell;
        this.verb = verb;
        this.quiet = quiet;
    }

    @Override
    public synchronized void on(String layer, Step step, long done, long total) {
        Blob before = blobs.put(layer, new Blob(step, done, total));
        if (quiet) {
            return;
        }
        if (!shell.stderrIsTerminal()) {
            if (before == null || before.step != step) {
                plain(layer, step, total);
            }
            return;
        }
        long now = System.nanoTime();
        if (!drawn || step != Step.DOWNLOADING || now - drawnAt >= REDRAW_NANOS) {
            drawnAt = now;
            drawn = true;
            shell.err().print("\r\033[K" + line());
            shell.err().flush();
        }
    }

    @Override
    public synchronized void close() {
        if (drawn) {
            shell.err().print("\r\033[K");
            shell.err().flush();
            drawn = false;
        }
    }

    /** Words that a log can keep; a pull that transfers nothing says nothing. */
    private void plain(String layer, Step step, long total) {
        String what = layer.substring(0, Math.min(SHOWN, layer.length()));
        String words = switch (step) {
            case DOWNLOADING -> verb + " " + Quantity.bytes(total);
            case PRESENT -> "there already";
            case VERIFIED -> "";
            case UNPACKING -> "unpacking";
            case UNPACKED -> "unpacked";
            case PUSHED -> "pushed";
        };
        if (!words.isEmpty()) {
            shell.err().println(what + ": " + words);
        }
    }

    private String line() {
        long done = 0;
        long total = 0;
        int ended = 0;
        boolean unpacking = false;
        for (Blob blob : blobs.values()) {
            boolean transferring = blob.step == Step.DOWNLOADING;
            unpacking |= blob.step == Step.UNPACKING || blob.step == Step.UNPACKED;
            done += transferring ? blob.done : blob.total;
            total += blob.total;
            ended += transferring ? 0 : 1;
        }
        int filled = total == 0 ? BAR : (int) (done * BAR / total);
        return (unpacking ? "unpacking" : verb) + " [" + "=".repeat(filled) + " ".repeat(BAR - filled) + "] "
                + Quantity.bytes(done) + " of " + Quantity.bytes(total) + ", " + ended + " of " + blobs.size()
                + " blobs";
    }
}
