package dev.tinyvm.manager;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.Optional;

/** Looks at log files from their end. */
final class LogTail {
    private static final int BLOCK_BYTES = 64 << 10;

    private LogTail() {}

    /** The position after the last newline; 0 when there is none. */
    static long endOfLastLine(RandomAccessFile file) throws IOException {
        return startOfLastLines(file, file.length(), 0);
    }

    /** The last whole line of a file. */
    static Optional<LogEntry> lastEntry(Path path) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "r")) {
            long end = endOfLastLine(file);
            long start = startOfLastLines(file, end, 1);
            if (end - start < 2 || end - start > LogEntry.MAX_CONTENT_BYTES + LogEntry.MAX_HEADER_BYTES) {
                return Optional.empty();
            }
            byte[] line = new byte[(int) (end - start - 1)];
            file.seek(start);
            file.readFully(line);
            return LogEntry.parse(line);
        }
    }

    /**
     * Where the last {@code count} whole lines before {@code end} begin; 0 when there are fewer.
     *
     * @param end position after a newline, or anything for a count of 0, which finds the end of the last line
     */
    static long startOfLastLines(RandomAccessFile file, long end, long count) throws IOException {
        byte[] block = new byte[BLOCK_BYTES];
        long left = count;
        long blockEnd = end;
        while (blockEnd > 0) {
            int length = (int) Math.min(BLOCK_BYTES, blockEnd);
            long blockStart = blockEnd - length;
            file.seek(blockStart);
            file.readFully(block, 0, length);
            for (int i = length - 1; i >= 0; i--) {
                if (block[i] == '\n' && left-- == 0) {
                    return blockStart + i + 1;
                }
            }
            blockEnd = blockStart;
        }
        return 0;
    }

    /** How many whole lines there are. */
    static long countLines(RandomAccessFile file, long end) throws IOException {
        byte[] block = new byte[BLOCK_BYTES];
        long lines = 0;
        file.seek(0);
        for (long at = 0; at < end; ) {
            int length = file.read(block, 0, (int) Math.min(BLOCK_BYTES, end - at));
            if (length < 0) {
                break;
            }
            for (int i = 0; i < length; i++) {
                if (block[i] == '\n') {
                    lines++;
                }
            }
            at += length;
        }
        return lines;
    }
}
