package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.LogLine;
import dev.tinyvm.manager.Manager.LogQuery;
import dev.tinyvm.manager.Manager.LogStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads one log at its own pace from the files. A reader so slow that the file it reads was rotated away goes on with the oldest that is
 * left, and is told so by a line of stream {@code system}. For one reading thread; any thread may close it. The monitor guards the file.
 */
final class LogReader implements LogStream {
    private static final int BLOCK_BYTES = 32 << 10;

    private final VmLog log;
    private final LogQuery query;
    private final long since;
    private final byte[] block = new byte[BLOCK_BYTES];
    private byte[] line = new byte[256];
    private int lineLength;
    private int at;
    private int filled;
    private long number;
    private long filePosition;
    private @Nullable RandomAccessFile file;
    private boolean positioned;
    private boolean skipped;
    private volatile boolean over;

    LogReader(VmLog log, LogQuery query) {
        this.log = log;
        this.query = query;
        this.since = query.since().map(Micros::of).orElse(Long.MIN_VALUE);
    }

    @Override
    public Optional<LogLine> next(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!over) {
            long seen = log.writes();
            boolean last = log.closed();
            Optional<LogLine> found = read();
            if (found.isPresent()) {
                return found;
            }
            if (!query.follow() || last) {
                close();
                break;
            }
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return Optional.empty();
            }
            log.awaitWrite(seen, left);
        }
        closeFile();
        return Optional.empty();
    }

    @Override
    public boolean ended() {
        return over;
    }

    @Override
    public void close() {
        over = true;
        log.wakeReaders();
        closeFile();
    }

    private synchronized Optional<LogLine> read() {
        try {
            if (!positioned) {
                position();
                positioned = true;
            }
            while (true) {
                if (skipped) {
                    skipped = false;
                    return Optional.of(
                            new LogLine(Instant.now(), "system", "lines were rotated away before they were read"));
                }
                Optional<LogEntry> entry = nextEntry();
                if (entry.isEmpty()) {
                    return nextFile() ? read() : Optional.empty();
                }
                if (entry.get().micros() >= since) {
                    return Optional.of(entry.get().line());
                }
            }
        } catch (IOException e) {
            closeFile();
            throw new ManagerException(
                    ManagerException.Code.FAILED,
                    "could not read the log " + log.directory() + ": " + e.getMessage(),
                    e);
        }
    }

    /** Finds the first line that is wanted, from the end of the log. */
    private void position() throws IOException {
        List<Long> numbers = LogFiles.numbers(log.directory());
        long left = query.tail() < 0 ? Long.MAX_VALUE : query.tail();
        if (numbers.isEmpty()) {
            return;
        }
        for (long candidate : numbers.reversed()) {
            number = candidate;
            try (RandomAccessFile looked = new RandomAccessFile(path(), "r")) {
                long end = LogTail.endOfLastLine(looked);
                if (left == Long.MAX_VALUE) {
                    filePosition = 0;
                } else {
                    filePosition = LogTail.startOfLastLines(looked, end, left);
                    if (filePosition > 0 || left == 0) {
                        return;
                    }
                    left -= LogTail.countLines(looked, end);
                    if (left <= 0) {
                        return;
                    }
                }
            } catch (FileNotFoundException e) {
                // Rotated away just now; the one after it is where we begin.
                number = candidate + 1;
                filePosition = 0;
                return;
            }
            if (query.since().isPresent() && beginsBefore(query.since().get())) {
                return;
            }
        }
    }

    private boolean beginsBefore(Instant instant) throws IOException {
        try (RandomAccessFile looked = new RandomAccessFile(path(), "r")) {
            byte[] digits = new byte[LogEntry.MICROS_DIGITS];
            if (looked.read(digits) < digits.length) {
                return false;
            }
            return Long.parseLong(new String(digits, java.nio.charset.StandardCharsets.ISO_8859_1))
                    < Micros.of(instant);
        } catch (NumberFormatException e) {
            return false;
        }
    }

    private Optional<LogEntry> nextEntry() throws IOException {
        while (true) {
            for (; at < filled; at++) {
                if (block[at] == '\n') {
                    at++;
                    Optional<LogEntry> entry = LogEntry.parse(java.util.Arrays.copyOf(line, lineLength));
                    lineLength = 0;
                    if (entry.isPresent()) {
                        return entry;
                    }
                    at--;
                } else if (lineLength < LogEntry.MAX_CONTENT_BYTES + LogEntry.MAX_HEADER_BYTES) {
                    if (lineLength == line.length) {
                        line = java.util.Arrays.copyOf(line, line.length * 2);
                    }
                    line[lineLength++] = block[at];
                }
            }
            RandomAccessFile from = openFile();
            if (from == null) {
                return Optional.empty();
            }
            at = 0;
            filled = Math.max(0, from.read(block));
            filePosition += filled;
            if (filled == 0) {
                return Optional.empty();
            }
        }
    }

    private @Nullable RandomAccessFile openFile() throws IOException {
        if (file == null && number != 0 && !over) {
            try {
                file = new RandomAccessFile(path(), "r");
                file.seek(filePosition);
            } catch (FileNotFoundException e) {
                return null;
            }
        }
        return file;
    }

    /** Goes to the next file when there is one; the present one has been read to its end, and nothing is added to it any more then. */
    private boolean nextFile() throws IOException {
        List<Long> numbers = LogFiles.numbers(log.directory());
        for (long candidate : numbers) {
            if (candidate > number) {
                if (file != null && filled(file)) {
                    return true;
                }
                closeFile();
                skipped = number != 0 && candidate > number + 1;
                number = candidate;
                filePosition = 0;
                lineLength = 0;
                return true;
            }
        }
        return false;
    }

    /** Whether something was added between the end of the file and the look at the next one. */
    private boolean filled(RandomAccessFile current) throws IOException {
        return current.length() > filePosition;
    }

    private synchronized void closeFile() {
        if (file != null) {
            try {
                file.close();
            } catch (IOException e) {
                // Only read from: nothing can be lost.
                over = true;
            }
            file = null;
        }
    }

    private File path() {
        return LogFiles.path(log.directory(), number).toFile();
    }
}
