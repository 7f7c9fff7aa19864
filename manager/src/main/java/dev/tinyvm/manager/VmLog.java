package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.LogQuery;
import dev.tinyvm.manager.Manager.LogStream;
import dev.tinyvm.spec.ManagerConfig;
import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The log of one Tiny VM's main process, written line by line.
 *
 * <p>Nothing is lost or doubled when the manager is killed: bytes are acknowledged to the guest only after they are in the file, and
 * each line carries the offsets reached (see {@link LogEntry}), so the next manager attaches exactly there. A line without its end yet is held in
 * memory (at most 16 KiB a stream) and not acknowledged; the guest keeps it. The files are not fsynced: they survive the manager's death, not the host's.
 *
 * <p>The monitor guards all fields; readers look at the files only and are woken after each write.
 */
final class VmLog implements AutoCloseable {
    /** A line without its end is held no longer than this much more output takes: what is held cannot be acknowledged. */
    private static final int MAX_HELD_BYTES = 64 << 10;

    private final Path directory;
    private final ManagerConfig.Logs limits;
    private final Timing timing;
    private final ByteArrayOutputStream stdoutPart = new ByteArrayOutputStream(0);
    private final ByteArrayOutputStream stderrPart = new ByteArrayOutputStream(0);
    private ByteArrayOutputStream buffer = new ByteArrayOutputStream(0);
    private String run = "";
    private long stdoutEnd;
    private long stderrEnd;
    private long fileNumber;
    private long fileBytes;
    private @Nullable FileOutputStream file;
    private boolean opened;
    private boolean closed;
    /** False only when it is known that nothing of this log can be on disk. */
    private boolean onDisk = true;

    private long writes;
    private int sinceHeld;

    VmLog(Path directory, ManagerConfig.Logs limits, Timing timing) {
        this.directory = directory;
        this.limits = limits;
        this.timing = timing;
    }

    Path directory() {
        return directory;
    }

    /** Of a Tiny VM whose id nobody had before: there is nothing to look for. Before all others. */
    synchronized void isNew() {
        onDisk = false;
        opened = true;
    }

    /** Where to go on with this run; (0, 0) for one that has no line yet. Held parts of lines are dropped, since they come again. */
    synchronized Position resume(MainRun mainRun) throws IOException {
        open();
        stdoutPart.reset();
        stderrPart.reset();
        if (!mainRun.text().equals(run)) {
            run = mainRun.text();
            stdoutEnd = 0;
            stderrEnd = 0;
        }
        return new Position(stdoutEnd, stderrEnd);
    }

    /**
     * Takes output and writes its whole lines.
     *
     * @param offset of the first byte in the stream; what is in the log already is skipped
     * @return what may be acknowledged
     */
    synchronized Position append(boolean stderr, long offset, byte[] bytes) throws IOException {
        ByteArrayOutputStream part = stderr ? stderrPart : stdoutPart;
        long known = (stderr ? stderrEnd : stdoutEnd) + part.size();
        if (offset > known) {
            // A copy that goes on from a checkpoint: what came before is in the log of the original.
            skipTo(stderr, offset - part.size());
            known = offset;
        }
        int from = Math.clamp(known - offset, 0, bytes.length);
        char stream = stderr ? LogEntry.STDERR : LogEntry.STDOUT;
        long micros = Micros.of(timing.now());
        long stdoutBefore = stdoutEnd;
        long stderrBefore = stderrEnd;
        byte[] stdoutHeld = stdoutPart.toByteArray();
        byte[] stderrHeld = stderrPart.toByteArray();
        buffer.reset();
        try {
            int at = from;
            while (at < bytes.length) {
                int room = LogEntry.MAX_CONTENT_BYTES - part.size();
                int newline = indexOfNewline(bytes, at, Math.min(bytes.length, at + room + 1));
                if (newline >= 0) {
                    put(micros, stream, part, bytes, at, newline - at, 1);
                    at = newline + 1;
                } else if (bytes.length - at > room) {
                    put(micros, stream, part, bytes, at, room, 0);
                    at += room;
                } else {
                    part.write(bytes, at, bytes.length - at);
                    at = bytes.length;
                }
            }
            sinceHeld = stdoutPart.size() + stderrPart.size() == 0 ? 0 : sinceHeld + bytes.length - from;
            if (sinceHeld > MAX_HELD_BYTES) {
                putHeld(micros);
            }
            flush();
        } catch (IOException e) {
            stdoutEnd = stdoutBefore;
            stderrEnd = stderrBefore;
            stdoutPart.reset();
            stdoutPart.writeBytes(stdoutHeld);
            stderrPart.reset();
            stderrPart.writeBytes(stderrHeld);
            throw e;
        }
        return new Position(stdoutEnd, stderrEnd);
    }

    private void skipTo(boolean stderr, long end) {
        if (stderr) {
            stderrEnd = end;
        } else {
            stdoutEnd = end;
        }
    }

    /** The process ended: what was held without an end of line becomes a line. */
    synchronized void finish() throws IOException {
        buffer.reset();
        putHeld(Micros.of(timing.now()));
        flush();
        closeFile();
    }

    /** A line of the manager's own. */
    synchronized void say(String text) throws IOException {
        open();
        buffer.reset();
        byte[] bytes = text.replace('\n', ' ').getBytes(java.nio.charset.StandardCharsets.UTF_8);
        LogEntry.write(
                buffer,
                Micros.of(timing.now()),
                LogEntry.SYSTEM,
                run.isEmpty() ? "0.0" : run,
                stdoutEnd,
                stderrEnd,
                bytes,
                0,
                Math.min(bytes.length, LogEntry.MAX_CONTENT_BYTES));
        flush();
        closeFile();
    }

    LogStream read(LogQuery query) {
        return new LogReader(this, query);
    }

    /** Ends followers; nothing is written any more. */
    @Override
    public synchronized void close() {
        closed = true;
        closeFile();
        notifyAll();
    }

    /** Closes it and removes its files. */
    void remove() throws IOException {
        close();
        boolean look;
        synchronized (this) {
            look = onDisk;
        }
        if (look) {
            LogFiles.deleteTree(directory);
        }
    }

    /** Waits for another write than those before {@code seen}, at most so long. */
    synchronized void awaitWrite(long seen, long nanos) throws InterruptedException {
        long deadline = System.nanoTime() + nanos;
        for (long left = nanos; !closed && writes == seen && left > 0; left = deadline - System.nanoTime()) {
            java.util.concurrent.TimeUnit.NANOSECONDS.timedWait(this, left);
        }
    }

    synchronized void wakeReaders() {
        writes++;
        notifyAll();
    }

    synchronized long writes() {
        return writes;
    }

    synchronized boolean closed() {
        return closed;
    }

    private void putHeld(long micros) {
        if (stdoutPart.size() > 0) {
            put(micros, LogEntry.STDOUT, stdoutPart, new byte[0], 0, 0, 0);
        }
        if (stderrPart.size() > 0) {
            put(micros, LogEntry.STDERR, stderrPart, new byte[0], 0, 0, 0);
        }
        sinceHeld = 0;
    }

    private void put(
            long micros, char stream, ByteArrayOutputStream part, byte[] bytes, int at, int length, int newline) {
        int content = part.size() + length;
        if (stream == LogEntry.STDERR) {
            stderrEnd += content + newline;
        } else {
            stdoutEnd += content + newline;
        }
        if (part.size() == 0) {
            LogEntry.write(buffer, micros, stream, run, stdoutEnd, stderrEnd, bytes, at, length);
        } else {
            part.write(bytes, at, length);
            LogEntry.write(buffer, micros, stream, run, stdoutEnd, stderrEnd, part.toByteArray(), 0, content);
            part.reset();
        }
    }

    private void flush() throws IOException {
        if (buffer.size() == 0 || closed) {
            return;
        }
        FileOutputStream out = writable();
        try {
            buffer.writeTo(out);
        } catch (IOException e) {
            cutBack();
            throw e;
        }
        fileBytes += buffer.size();
        if (buffer.size() > 4 * LogEntry.MAX_CONTENT_BYTES) {
            buffer = new ByteArrayOutputStream(0);
        }
        writes++;
        notifyAll();
    }

    /** A write that failed half-way, for instance on a full disk, leaves no half line. */
    private void cutBack() {
        closeFile();
        try (RandomAccessFile cut =
                new RandomAccessFile(LogFiles.path(directory, fileNumber).toFile(), "rw")) {
            cut.setLength(fileBytes);
        } catch (IOException e) {
            opened = false;
        }
    }

    private FileOutputStream writable() throws IOException {
        open();
        if (file != null && fileBytes < limits.maxFileBytes()) {
            return file;
        }
        if (fileNumber == 0 || fileBytes >= limits.maxFileBytes()) {
            closeFile();
            onDisk = true;
            Files.createDirectories(directory);
            fileNumber++;
            fileBytes = 0;
            file = new FileOutputStream(LogFiles.path(directory, fileNumber).toFile(), true);
            for (long number : LogFiles.numbers(directory)) {
                if (number <= fileNumber - limits.maxFiles()) {
                    Files.deleteIfExists(LogFiles.path(directory, number));
                }
            }
            return file;
        }
        file = new FileOutputStream(LogFiles.path(directory, fileNumber).toFile(), true);
        return file;
    }

    /** Finds the end of what an earlier manager wrote, and cuts off a line that it did not finish. */
    private void open() throws IOException {
        if (opened) {
            return;
        }
        List<Long> numbers = LogFiles.numbers(directory);
        if (!numbers.isEmpty()) {
            fileNumber = numbers.getLast();
            fileBytes = cutUnfinishedLine(LogFiles.path(directory, fileNumber));
            for (long number : numbers.reversed()) {
                Optional<LogEntry> last = LogTail.lastEntry(LogFiles.path(directory, number));
                if (last.isPresent()) {
                    run = last.get().run();
                    stdoutEnd = last.get().stdoutEnd();
                    stderrEnd = last.get().stderrEnd();
                    break;
                }
            }
        }
        opened = true;
    }

    private static long cutUnfinishedLine(Path path) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            long end = LogTail.endOfLastLine(file);
            if (end != file.length()) {
                file.setLength(end);
            }
            return end;
        }
    }

    private void closeFile() {
        if (file != null) {
            try {
                file.close();
            } catch (IOException e) {
                // close(2) of a file on a local disk has nothing left to report: every write was checked.
                opened = false;
            }
            file = null;
        }
    }

    private static int indexOfNewline(byte[] bytes, int from, int to) {
        for (int i = from; i < to; i++) {
            if (bytes[i] == '\n') {
                return i;
            }
        }
        return -1;
    }

    /** Bytes of each stream that are in the log. */
    record Position(long stdout, long stderr) {}
}
