package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.Content;
import dev.tinyvm.engine.GuestFiles.Entry;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.zip.GZIPOutputStream;

/** {@code GET /files}: a file's bytes, or a range of them, as they are read. */
final class Downloads {
    private static final int BUFFER_BYTES = 64 << 10;

    /** Answers one download. */
    void download(Exchange exchange, Session session, String path, String username) throws IOException {
        String absolute = session.user(username).resolve(path);
        GuestFiles files = session.files();
        Entry entry = Paths.stat(files, absolute, true)
                .orElseThrow(() -> new E2bError(404, "path '" + absolute + "' does not exist"));
        if (entry.type() == Entry.Type.DIRECTORY) {
            throw new E2bError(400, "path '" + absolute + "' is a directory");
        }
        if (entry.type() != Entry.Type.FILE) {
            throw new E2bError(400, "path '" + absolute + "' is not a regular file");
        }
        exchange.header("Vary", "Accept-Encoding");
        exchange.header("Content-Disposition", disposition(Paths.name(absolute)));
        exchange.header("Content-Type", "application/octet-stream");
        exchange.header(
                "Last-Modified",
                DateTimeFormatter.RFC_1123_DATE_TIME.format(entry.modifiedAt().atOffset(ZoneOffset.UTC)));
        String rangeHeader = exchange.header("Range");
        if (rangeHeader.isEmpty()
                && encoding(exchange.header("Accept-Encoding")).equals("gzip")) {
            exchange.header("Content-Encoding", "gzip");
            try (Reading reading = new Reading(files, absolute, 0, -1);
                    OutputStream out = new GZIPOutputStream(exchange.stream(200, ""), BUFFER_BYTES)) {
                copy(reading.stream(), out);
            }
            return;
        }
        exchange.header("Accept-Ranges", "bytes");
        Optional<Range> range = Range.parse(rangeHeader, entry.size());
        if (range.isPresent()) {
            Range part = range.get();
            if (part.length() <= 0) {
                exchange.header("Content-Range", "bytes */" + entry.size());
                throw new E2bError(416, "the range lies outside of the file, which has " + entry.size() + " bytes");
            }
            exchange.header(
                    "Content-Range",
                    "bytes " + part.start() + "-" + (part.start() + part.length() - 1) + "/" + entry.size());
        }
        send(exchange, files, absolute, range.orElse(new Range(0, entry.size())), range.isPresent() ? 206 : 200);
    }

    private static void send(Exchange exchange, GuestFiles files, String path, Range range, int status)
            throws IOException {
        // Files of /proc say that they are empty and are not: those go without a length, until their end.
        boolean unknown = status == 200 && range.length() == 0;
        try (Reading reading = new Reading(files, path, range.start(), unknown ? -1 : range.length())) {
            InputStream in = reading.stream();
            byte[] first = unknown ? in.readNBytes(BUFFER_BYTES) : new byte[0];
            if (unknown && first.length < BUFFER_BYTES) {
                exchange.header("Content-Length", Integer.toString(first.length));
            } else if (!unknown) {
                exchange.header("Content-Length", Long.toString(range.length()));
            }
            OutputStream out = exchange.stream(status, "");
            out.write(first);
            if (!exchange.method().equals("HEAD")) {
                copy(in, out);
            }
        }
    }

    /**
     * Which of the encodings that we have the client likes best. A long list of encodings is what runtimes send by themselves; then the plain bytes are cheaper for both
     * sides of a loopback. One who names gzip alone wants it.
     */
    static String encoding(String accepted) {
        if (accepted.isBlank()) {
            return "identity";
        }
        Set<String> wanted = new HashSet<>();
        Set<String> refused = new HashSet<>();
        for (String one : accepted.toLowerCase(Locale.ROOT).split(",", -1)) {
            String[] parts = one.strip().split(";", -1);
            boolean zero = parts.length > 1 && parts[1].strip().matches("q=0(\\.0*)?");
            (zero ? refused : wanted).add(parts[0].strip());
        }
        boolean gzip = (wanted.contains("gzip") || wanted.contains("*")) && !refused.contains("gzip");
        boolean identity = !refused.contains("identity") && !(refused.contains("*") && !wanted.contains("identity"));
        if (gzip && ((wanted.size() == 1 && wanted.contains("gzip")) || !identity)) {
            return "gzip";
        }
        if (identity) {
            return "identity";
        }
        throw new E2bError(406, "no acceptable encoding found, supported: [identity, gzip]");
    }

    /** The name in ASCII for old clients and in UTF-8 for all others (RFC 6266). */
    static String disposition(String name) {
        StringBuilder plain = new StringBuilder();
        name.chars().forEach(c -> plain.append(c >= 0x20 && c < 0x7f && c != '"' && c != '\\' ? (char) c : '_'));
        String text = "inline; filename=\"" + plain + "\"";
        if (name.contentEquals(plain)) {
            return text;
        }
        return text + "; filename*=UTF-8''"
                + URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static void copy(InputStream from, OutputStream to) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        for (int read = from.read(buffer); read >= 0; read = from.read(buffer)) {
            to.write(buffer, 0, read);
        }
    }

    /** An open file. */
    private static final class Reading implements AutoCloseable {
        private final Content content;

        Reading(GuestFiles files, String path, long offset, long length) {
            content = files.read(Paths.ROOT, path, offset, length);
        }

        InputStream stream() {
            return content.stream();
        }

        @Override
        public void close() throws IOException {
            content.stream().close();
        }
    }

    /** Part of a file; no length: outside of it. */
    record Range(long start, long length) {
        /** One range (RFC 9110 section 14). Empty: none, or several, or not understood: then the whole file is sent. */
        static Optional<Range> parse(String header, long size) {
            String text = header.strip();
            if (!text.startsWith("bytes=") || text.indexOf(',') >= 0) {
                return Optional.empty();
            }
            int dash = text.indexOf('-');
            if (dash < 0) {
                return Optional.empty();
            }
            String from = text.substring(6, dash).strip();
            String to = text.substring(dash + 1).strip();
            try {
                if (from.isEmpty()) {
                    long last = Math.min(Long.parseLong(to), size);
                    return Optional.of(new Range(size - last, last));
                }
                long start = Long.parseLong(from);
                long end = to.isEmpty() ? size - 1 : Math.min(Long.parseLong(to), size - 1);
                return end < start && start < size && !to.isEmpty()
                        ? Optional.empty()
                        : Optional.of(new Range(start, end - start + 1));
            } catch (NumberFormatException e) {
                return Optional.empty();
            }
        }
    }
}
