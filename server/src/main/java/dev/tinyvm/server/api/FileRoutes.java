package dev.tinyvm.server.api;

import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.Change;
import dev.tinyvm.engine.GuestFiles.Content;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.engine.GuestFiles.WriteOptions;
import dev.tinyvm.engine.GuestFiles.WriteStream;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.EventWriter;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import tools.jackson.core.JsonGenerator;

/** {@code /vms/{vm}/files}: contents are streamed both ways and never held. */
final class FileRoutes {
    private static final int BUFFER_BYTES = 64 << 10;
    private static final int DEFAULT_FILE_MODE = 0644;
    private static final int DEFAULT_DIRECTORY_MODE = 0755;
    private static final int MAX_MODE = 07777;
    private static final int MAX_DEPTH = 64;
    private static final int WATCH_QUEUE = 1024;

    private final Manager manager;

    FileRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        String files = base + "/vms/{vm}/files";
        router.add(Route.of("GET", files, this::read));
        router.add(Route.of("PUT", files, this::write));
        router.add(Route.of("DELETE", files, call -> {
            files(call).remove(user(call), path(call), call.flag("recursive", false));
            call.empty(204);
        }));
        router.add(Route.of("GET", files + "/stat", call -> {
            Entry entry = files(call).stat(user(call), path(call), call.flag("follow", true));
            call.json(200, g -> entry(g, entry));
        }));
        router.add(Route.of("GET", files + "/list", this::list));
        router.add(Route.of("POST", files + "/mkdir", this::makeDirectory));
        router.add(Route.of("POST", files + "/rename", this::rename));
        router.add(Route.of("POST", files + "/chmod", this::chmod));
        router.add(Route.stream(files + "/watch", this::watch));
    }

    private void read(Call call) throws IOException {
        GuestFiles files = files(call);
        if (call.head()) {
            describe(call, files.stat(user(call), path(call), true));
            call.bytes(200, "application/octet-stream", new byte[0]);
            return;
        }
        long offset = call.number("offset", 0, Long.MAX_VALUE, 0);
        long length = call.number("length", 0, Long.MAX_VALUE, -1);
        Content content = files.read(user(call), path(call), offset, length);
        try (InputStream in = content.stream()) {
            byte[] buffer = new byte[BUFFER_BYTES];
            // The first bytes are read before anything is answered: a directory, say, becomes a clean error.
            int size = in.read(buffer);
            describe(call, content.entry());
            OutputStream out = call.stream(200, "application/octet-stream");
            while (size >= 0) {
                out.write(buffer, 0, size);
                size = in.read(buffer);
            }
            out.close();
        }
    }

    private static void describe(Call call, Entry entry) {
        call.header("X-TinyVM-Size", Long.toString(entry.size()));
        call.header("X-TinyVM-Mode", mode(entry.mode()));
        call.header("X-TinyVM-Modified", entry.modifiedAt().toString());
    }

    private void write(Call call) {
        WriteOptions options = new WriteOptions(
                call.query("mode").map(FileRoutes::mode).orElse(DEFAULT_FILE_MODE),
                call.flag("parents", false),
                call.flag("append", false),
                call.flag("exclusive", false),
                call.flag("atomic", true) && !call.flag("append", false));
        long written = copy(call.bodyStream(), files(call).write(user(call), path(call), options));
        call.json(200, g -> {
            g.writeStartObject();
            g.writeNumberProperty("size", written);
            g.writeEndObject();
        });
    }

    /** @throws HttpError 400 when the body breaks off; the file is then as it was (atomic) or in part */
    private static long copy(InputStream in, WriteStream out) {
        byte[] buffer = new byte[BUFFER_BYTES];
        long written = 0;
        try {
            while (true) {
                int size = readBody(in, buffer);
                if (size < 0) {
                    break;
                }
                out.write(buffer, 0, size);
                written += size;
            }
            out.close();
            return written;
        } catch (IOException e) {
            out.abort();
            if (e.getCause() instanceof GuestFileException file) {
                throw file;
            }
            throw HttpError.of(500, "failed", "could not write the file: " + e.getMessage(), "");
        } catch (RuntimeException e) {
            out.abort();
            throw e;
        }
    }

    private static int readBody(InputStream in, byte[] buffer) {
        try {
            return in.read(buffer);
        } catch (IOException e) {
            throw HttpError.invalid("the upload broke off");
        }
    }

    private void list(Call call) {
        int depth = (int) call.number("depth", 1, MAX_DEPTH, 1);
        List<Entry> entries = files(call).list(user(call), path(call), depth);
        call.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("entries");
            entries.forEach(entry -> entry(g, entry));
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private void makeDirectory(Call call) {
        JsonRequest body = call.json();
        String path = body.requiredText("path");
        String user = body.text("user", "");
        int mode = body.optionalText("mode").map(FileRoutes::mode).orElse(DEFAULT_DIRECTORY_MODE);
        boolean parents = body.flag("parents", false);
        body.finish();
        files(call).makeDirectory(user, path, mode, parents);
        call.empty(204);
    }

    private void rename(Call call) {
        JsonRequest body = call.json();
        String from = body.requiredText("from");
        String to = body.requiredText("to");
        String user = body.text("user", "");
        boolean noReplace = body.flag("noReplace", false);
        body.finish();
        files(call).rename(user, from, to, noReplace);
        call.empty(204);
    }

    private void chmod(Call call) {
        JsonRequest body = call.json();
        String path = body.requiredText("path");
        String user = body.text("user", "");
        int mode = mode(body.requiredText("mode"));
        body.finish();
        files(call).chmod(user, path, mode);
        call.empty(204);
    }

    private void watch(Call call) throws Exception {
        boolean recursive = call.flag("recursive", false);
        LinkedBlockingQueue<Change> changes = new LinkedBlockingQueue<>(WATCH_QUEUE);
        AtomicBoolean overflow = new AtomicBoolean();
        AutoCloseable watch = files(call).watch(user(call), path(call), recursive, change -> {
            if (!changes.offer(change)) {
                overflow.set(true);
            }
        });
        try (watch;
                EventWriter events = new EventWriter(call)) {
            while (true) {
                Change change = changes.poll(EventWriter.KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS);
                if (change == null) {
                    events.keepAlive();
                    continue;
                }
                send(events, change);
                if (changes.isEmpty()) {
                    if (overflow.getAndSet(false)) {
                        send(events, new Change(Change.Kind.OVERFLOW, ""));
                    }
                    events.flush();
                }
            }
        }
    }

    private static void send(EventWriter events, Change change) throws IOException {
        events.send("", "", g -> {
            g.writeStartObject();
            g.writeStringProperty("kind", change.kind().name().toLowerCase(Locale.ROOT));
            g.writeStringProperty("path", change.path());
            g.writeEndObject();
        });
    }

    private static void entry(JsonGenerator g, Entry entry) {
        g.writeStartObject();
        g.writeStringProperty("type", entry.type().name().toLowerCase(Locale.ROOT));
        g.writeStringProperty("mode", mode(entry.mode()));
        g.writeNumberProperty("size", entry.size());
        g.writeNumberProperty("uid", entry.uid());
        g.writeNumberProperty("gid", entry.gid());
        g.writeStringProperty("modifiedAt", entry.modifiedAt().toString());
        g.writeStringProperty("path", entry.path());
        g.writeStringProperty("owner", entry.owner());
        g.writeStringProperty("group", entry.group());
        if (entry.linkTarget().isPresent()) {
            g.writeStringProperty("linkTarget", entry.linkTarget().get());
        }
        g.writeEndObject();
    }

    private GuestFiles files(Call call) {
        return manager.files(call.variable("vm"));
    }

    private static String user(Call call) {
        return call.query("user").orElse("");
    }

    private static String path(Call call) {
        return call.requiredQuery("path");
    }

    /** Octal digits, as people write modes. */
    private static int mode(String text) {
        try {
            int mode = Integer.parseInt(text, 8);
            if (mode >= 0 && mode <= MAX_MODE) {
                return mode;
            }
        } catch (NumberFormatException e) {
            // The same answer as for a number out of range.
        }
        throw HttpError.invalid("mode must be octal digits such as 0644, at most 7777");
    }

    private static String mode(int mode) {
        return String.format(Locale.ROOT, "%04o", mode);
    }
}
