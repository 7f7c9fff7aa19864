package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.engine.GuestFiles.WriteOptions;
import dev.tinyvm.engine.GuestFiles.WriteStream;
import dev.tinyvm.server.http.JsonRequest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.eclipse.jetty.http.HttpField;
import tools.jackson.core.JsonGenerator;

/** {@code POST /files} and {@code /files/compose}: bytes go into the sandbox as they arrive, with a buffer of a fixed size. */
final class Uploads {
    private static final int BUFFER_BYTES = 64 << 10;
    private static final int FILE_MODE = 0644;
    private static final String METADATA_HEADER = "x-metadata-";
    private static final int MAX_METADATA_KEY = 246;
    private static final int MAX_METADATA_BYTES = 4096;

    private record Uploaded(String path, Map<String, String> metadata) {}

    /** Answers one upload. */
    void upload(Exchange exchange, Session session, String path, String username) throws IOException {
        Users.User user = session.user(username);
        Map<String, String> words = words(exchange);
        List<Uploaded> done = new ArrayList<>();
        try (InputStream body = decoded(exchange)) {
            if (exchange.contentType().equals("multipart/form-data")) {
                parts(new Multipart(body, exchange.header("Content-Type")), session, path, user, words, done);
            } else if (path.isEmpty()) {
                throw new E2bError(400, "the query parameter 'path' is missing");
            } else {
                done.add(store(body, session, user.resolve(path), user, words));
            }
        }
        exchange.json(200, g -> {
            g.writeStartArray();
            done.forEach(one -> write(g, one));
            g.writeEndArray();
        });
    }

    /** Several files become one, in their order; then they are removed. */
    void compose(Exchange exchange, Session session) throws IOException {
        JsonRequest request = exchange.json();
        Users.User user = session.user(request.text("username", ""));
        List<String> sources =
                request.texts("source_paths").stream().map(user::resolve).toList();
        if (sources.isEmpty()) {
            throw new E2bError(400, "source_paths is empty");
        }
        String destination = user.resolve(request.requiredText("destination"));
        GuestFiles files = session.files();
        for (String source : sources) {
            Entry entry = Paths.stat(files, source, true)
                    .orElseThrow(() -> new E2bError(404, "path '" + source + "' does not exist"));
            if (entry.type() != Entry.Type.FILE) {
                throw new E2bError(400, "path '" + source + "' is not a file");
            }
            if (source.equals(destination)) {
                throw new E2bError(400, "the destination '" + source + "' is one of the sources");
            }
        }
        Paths.makeDirectories(files, Paths.parent(destination), user);
        WriteStream out = files.write(Paths.ROOT, destination, new WriteOptions(FILE_MODE, false, false, false, true));
        try {
            for (String source : sources) {
                try (InputStream in = files.read(Paths.ROOT, source, 0, -1).stream()) {
                    in.transferTo(out);
                }
            }
            out.close();
        } catch (IOException | RuntimeException e) {
            out.abort();
            throw stored(e);
        }
        Paths.give(files, destination, user);
        for (String source : sources) {
            files.remove(Paths.ROOT, source, false);
        }
        exchange.json(200, g -> write(g, new Uploaded(destination, Map.of())));
    }

    private void parts(
            Multipart parts,
            Session session,
            String path,
            Users.User user,
            Map<String, String> words,
            List<Uploaded> done)
            throws IOException {
        for (var part = parts.next(); part.isPresent(); part = parts.next()) {
            try (InputStream content = part.get().content()) {
                if (!part.get().name().equals("file")) {
                    continue;
                }
                if (!path.isEmpty() && !done.isEmpty()) {
                    throw new E2bError(400, "you cannot upload multiple files to the same path '" + path + "'");
                }
                String name = path.isEmpty() ? part.get().fileName() : path;
                if (name.isEmpty()) {
                    throw new E2bError(400, "a file has neither a path in the query nor a filename in its part");
                }
                done.add(store(content, session, user.resolve(name), user, words));
            }
        }
        if (done.isEmpty()) {
            throw new E2bError(400, "the form has no field 'file'");
        }
    }

    private Uploaded store(
            InputStream content, Session session, String path, Users.User user, Map<String, String> words)
            throws IOException {
        GuestFiles files = session.files();
        Optional<Entry> there = Paths.stat(files, path, true);
        if (there.filter(e -> e.type() == Entry.Type.DIRECTORY).isPresent()) {
            throw new E2bError(400, "path is a directory: " + path);
        }
        if (there.isEmpty()) {
            Paths.makeDirectories(files, Paths.parent(path), user);
        }
        WriteStream out = files.write(Paths.ROOT, path, new WriteOptions(FILE_MODE, false, false, false, false));
        try {
            copy(content, out);
            out.close();
        } catch (IOException | RuntimeException e) {
            out.abort();
            throw stored(e);
        }
        Paths.give(files, path, user);
        if (!words.isEmpty() || there.isPresent()) {
            FileMetadata.replace(files, path, words);
        }
        return new Uploaded(path, words);
    }

    private static void copy(InputStream from, OutputStream to) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        for (int read = from.read(buffer); read >= 0; read = from.read(buffer)) {
            to.write(buffer, 0, read);
        }
    }

    /** A full disk is the one failure that SDKs tell apart. */
    private static RuntimeException stored(Exception e) {
        Throwable cause = e instanceof IOException && e.getCause() != null ? e.getCause() : e;
        if (cause instanceof GuestFileException file) {
            return file.errno() == Errno.ENOSPC || file.errno() == Errno.EDQUOT
                    ? new E2bError(507, "not enough disk space available")
                    : file;
        }
        if (cause instanceof RuntimeException unchecked) {
            return unchecked;
        }
        return new E2bError(400, "the upload broke off: " + cause.getMessage());
    }

    private static InputStream decoded(Exchange exchange) throws IOException {
        String encoding = exchange.header("Content-Encoding").strip().toLowerCase(Locale.ROOT);
        return switch (encoding) {
            case "", "identity" -> exchange.bodyStream();
            case "gzip", "x-gzip" -> {
                try {
                    yield new GZIPInputStream(exchange.bodyStream(), BUFFER_BYTES);
                } catch (IOException e) {
                    throw new E2bError(400, "the body is not gzip, though Content-Encoding says so");
                }
            }
            default ->
                throw new E2bError(400, "unsupported Content-Encoding '" + encoding + "'; supported: gzip, identity");
        };
    }

    /** Headers {@code X-Metadata-<key>}; the first of each key counts. */
    private static Map<String, String> words(Exchange exchange) {
        Map<String, String> words = new LinkedHashMap<>();
        int total = 0;
        for (HttpField field : exchange.headers()) {
            String name = field.getName().toLowerCase(Locale.ROOT);
            if (!name.startsWith(METADATA_HEADER)) {
                continue;
            }
            String key = name.substring(METADATA_HEADER.length());
            String value = field.getValue() == null ? "" : field.getValue();
            if (key.isEmpty() || !printable(key) || !printable(value)) {
                throw new E2bError(400, "metadata keys and values must be printable US-ASCII, and keys not empty");
            }
            if (key.length() > MAX_METADATA_KEY) {
                throw new E2bError(400, "a metadata key must have at most " + MAX_METADATA_KEY + " bytes");
            }
            if (words.putIfAbsent(key, value) == null) {
                total += FileMetadata.PREFIX.length() + key.length() + value.length();
            }
        }
        if (total > MAX_METADATA_BYTES) {
            throw new E2bError(400, "the metadata of a file must have at most " + MAX_METADATA_BYTES + " bytes");
        }
        return words;
    }

    private static boolean printable(String text) {
        return text.chars().allMatch(c -> c >= 0x20 && c <= 0x7e);
    }

    private static void write(JsonGenerator g, Uploaded one) {
        g.writeStartObject();
        g.writeStringProperty("name", Paths.name(one.path()));
        g.writeStringProperty("path", one.path());
        g.writeStringProperty("type", "file");
        if (!one.metadata().isEmpty()) {
            g.writeObjectPropertyStart("metadata");
            one.metadata().forEach(g::writeStringProperty);
            g.writeEndObject();
        }
        g.writeEndObject();
    }
}
