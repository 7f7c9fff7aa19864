package dev.tinyvm.app;

import dev.tinyvm.cli.Shell;
import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.images.PullProgress;
import java.util.HashMap;
import java.util.Map;

/** One line on a terminal that says how a transfer goes on; nothing where standard error is no terminal. For any thread; close it to clear the line. */
final class TransferProgress implements PullProgress, AutoCloseable {
    private static final long REDRAW_NANOS = 100_000_000;
    private static final int BAR = 24;

    private final Shell shell;
    private final String verb;
    private final Map<String, Blob> blobs = new HashMap<>();
    private long drawnAt;
    private boolean drawn;

    private record Blob(Step step, long done, long total) {}

    /** @param verb such as {@code pulling} */
    TransferProgress(Shell shell, String verb) {
        this.shell = shell;
        this.verb = verb;
    }

    @Override
    public synchronized void on(String layer, Step step, long done, long total) {
        blobs.put(layer, new Blob(step, done, total));
        long now = System.nanoTime();
        if (shell.stderrIsTerminal() && (!drawn || step != Step.DOWNLOADING || now - drawnAt >= REDRAW_NANOS)) {
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
