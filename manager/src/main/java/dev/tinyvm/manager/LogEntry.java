package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.LogLine;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * One line of a log file: {@code MICROS STREAM RUN STDOUT STDERR CONTENT\n}. MICROS is the time, 16 digits; STREAM is {@code o}, {@code e} or
 * {@code s}; RUN names the main process ({@code 2.1}); STDOUT and STDERR are the offsets up to which that process's output is in the log,
 * this line included; CONTENT is the line's own bytes, none of which is a newline.
 *
 * <p>So the last whole line of the newest file says where to go on after the manager died, and no other place has to be written.
 */
@SuppressWarnings("ArrayRecordComponent") // Compared by its own equals; not handed out.
record LogEntry(long micros, char stream, String run, long stdoutEnd, long stderrEnd, byte[] content) {
    static final char STDOUT = 'o';
    static final char STDERR = 'e';
    static final char SYSTEM = 's';

    /** A longer line is split. */
    static final int MAX_CONTENT_BYTES = 16 << 10;

    /** Time, stream, run, two offsets of up to 19 digits each, blanks. */
    static final int MAX_HEADER_BYTES = 128;

    static final int MICROS_DIGITS = 16;

    static void write(
            ByteArrayOutputStream out,
            long micros,
            char stream,
            String run,
            long stdoutEnd,
            long stderrEnd,
            byte[] bytes,
            int offset,
            int length) {
        String header = micros + " " + stream + " " + run + " " + stdoutEnd + " " + stderrEnd + " ";
        out.writeBytes(header.getBytes(StandardCharsets.ISO_8859_1));
        out.write(bytes, offset, length);
        out.write('\n');
    }

    /** @param line without its newline; empty when it is no entry */
    static Optional<LogEntry> parse(byte[] line) {
        int[] blanks = new int[5];
        int at = 0;
        for (int field = 0; field < blanks.length; field++) {
            while (at < line.length && line[at] != ' ') {
                at++;
            }
            if (at >= line.length || at > MAX_HEADER_BYTES) {
                return Optional.empty();
            }
            blanks[field] = at++;
        }
        String[] fields = new String(line, 0, blanks[4], StandardCharsets.ISO_8859_1).split(" ", -1);
        if (fields.length != 5 || fields[1].length() != 1) {
            return Optional.empty();
        }
        try {
            byte[] content = new byte[line.length - at];
            System.arraycopy(line, at, content, 0, content.length);
            return Optional.of(new LogEntry(
                    Long.parseLong(fields[0]),
                    fields[1].charAt(0),
                    fields[2],
                    Long.parseLong(fields[3]),
                    Long.parseLong(fields[4]),
                    content));
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    LogLine line() {
        String name = switch (stream) {
            case STDOUT -> "stdout";
            case STDERR -> "stderr";
            default -> "system";
        };
        return new LogLine(Micros.toInstant(micros), name, new String(content, StandardCharsets.UTF_8));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LogEntry e
                && micros == e.micros
                && stream == e.stream
                && run.equals(e.run)
                && stdoutEnd == e.stdoutEnd
                && stderrEnd == e.stderrEnd
                && java.util.Arrays.equals(content, e.content);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(micros) * 31 + java.util.Arrays.hashCode(content);
    }
}
