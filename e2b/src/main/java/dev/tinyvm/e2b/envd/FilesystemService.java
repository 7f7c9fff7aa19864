package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.Change;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.server.http.JsonBody;
import dev.tinyvm.server.http.JsonRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;

/** {@code filesystem.Filesystem} of envd. Source: E2B's filesystem.proto. */
final class FilesystemService {
    private static final int MAX_DEPTH = 1000;
    private static final int WATCH_QUEUE = 4096;
    /** A silent watch asks so often whether its sandbox still lives. */
    private static final Duration ALIVE_CHECK = Duration.ofSeconds(2);

    /** Whether the method answers with a stream. */
    static boolean streams(String method) {
        return method.equals("WatchDir");
    }

    /** Calls with one answer. */
    JsonBody unary(String method, JsonRequest request, Session session, String username) {
        return switch (method) {
            case "Stat" -> stat(session, path(request, session, username));
            case "MakeDir" -> makeDir(request, session, username);
            case "Move" -> move(request, session, username);
            case "ListDir" -> list(request, session, username);
            case "Remove" -> remove(session, path(request, session, username));
            case "CreateWatcher" -> createWatcher(request, session, username);
            case "GetWatcherEvents" -> watcherEvents(request, session);
            case "RemoveWatcher" -> {
                session.watchers().remove(request.text("watcherId", ""));
                yield ProcessService::nothing;
            }
            default ->
                throw new ConnectError(ConnectError.Code.UNIMPLEMENTED, "filesystem.Filesystem has no " + method);
        };
    }

    private JsonBody stat(Session session, String path) {
        return describe(session, path, "path not found: ").wrapped();
    }

    private EntryJson describe(Session session, String path, String otherwise) {
        GuestFiles files = session.files();
        Entry entry = Paths.stat(files, path, false).orElseThrow(() -> ConnectError.notFound(otherwise + path));
        return EntryJson.of(files, path, entry, FileMetadata.read(files, path));
    }

    private JsonBody makeDir(JsonRequest request, Session session, String username) {
        Users.User user = session.user(username);
        String path = user.resolve(request.text("path", ""));
        GuestFiles files = session.files();
        Optional<Entry> there = Paths.stat(files, path, true);
        if (there.isPresent()) {
            throw there.get().type() == Entry.Type.DIRECTORY
                    ? new ConnectError(ConnectError.Code.ALREADY_EXISTS, "directory already exists: " + path)
                    : ConnectError.invalid("path already exists but it is not a directory: " + path);
        }
        Paths.makeDirectories(files, path, user);
        return stat(session, path);
    }

    private JsonBody move(JsonRequest request, Session session, String username) {
        Users.User user = session.user(username);
        String source = user.resolve(request.text("source", ""));
        String destination = user.resolve(request.text("destination", ""));
        GuestFiles files = session.files();
        if (Paths.stat(files, source, false).isEmpty()) {
            throw ConnectError.notFound("source file not found: " + source);
        }
        Paths.makeDirectories(files, Paths.parent(destination), user);
        files.rename(Paths.ROOT, source, destination, false);
        return stat(session, destination);
    }

    private JsonBody remove(Session session, String path) {
        if (path.equals("/")) {
            throw ConnectError.invalid("the root directory cannot be removed");
        }
        try {
            session.files().remove(Paths.ROOT, path, true);
        } catch (GuestFileException e) {
            if (e.errno() != Errno.ENOENT) {
                throw e;
            }
            // What is not there needs no removing: so does envd.
        }
        return ProcessService::nothing;
    }

    private JsonBody list(JsonRequest request, Session session, String username) {
        String path = path(request, session, username);
        int depth = Math.max(1, request.number("depth", 0, Integer.MAX_VALUE, 1));
        GuestFiles files = session.files();
        Entry directory =
                Paths.stat(files, path, true).orElseThrow(() -> ConnectError.notFound("directory not found: " + path));
        if (directory.type() != Entry.Type.DIRECTORY) {
            throw ConnectError.invalid("path is not a directory: " + path);
        }
        List<Entry> entries = new ArrayList<>(files.list(Paths.ROOT, path, Math.min(depth, MAX_DEPTH)));
        entries.sort(Comparator.comparing(Entry::path, FilesystemService::walkOrder));
        String prefix = path.equals("/") ? "/" : path + "/";
        List<Map<String, String>> words = FileMetadata.read(
                files, entries.stream().map(e -> prefix + e.path()).toList());
        List<EntryJson> found = new ArrayList<>(entries.size());
        for (int i = 0; i < entries.size(); i++) {
            found.add(EntryJson.of(files, prefix + entries.get(i).path(), entries.get(i), words.get(i)));
        }
        return g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("entries");
            found.forEach(e -> e.write(g));
            g.writeEndArray();
            g.writeEndObject();
        };
    }

    /** By name within each directory, a directory's content right after it. */
    static int walkOrder(String a, String b) {
        return Arrays.compare(a.split("/", -1), b.split("/", -1));
    }

    private JsonBody createWatcher(JsonRequest request, Session session, String username) {
        String directory = watchable(request, session, username);
        String id = session.watchers()
                .create(
                        session.files(),
                        directory,
                        request.flag("recursive", false),
                        request.flag("includeEntry", false));
        return g -> {
            g.writeStartObject();
            g.writeStringProperty("watcherId", id);
            g.writeEndObject();
        };
    }

    private JsonBody watcherEvents(JsonRequest request, Session session) {
        Watchers.Watcher watcher = session.watchers().get(request.text("watcherId", ""));
        List<Change> changes = watcher.drain();
        return g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("events");
            for (Change change : changes) {
                if (change.kind() != Change.Kind.OVERFLOW) {
                    event(g, change, watcher.withEntry() ? entry(session, watcher.directory(), change) : null);
                }
            }
            g.writeEndArray();
            g.writeEndObject();
        };
    }

    /** {@code WatchDir}: until the client leaves or its time limit has passed. */
    void watch(JsonRequest request, Exchange exchange, Session session, String username)
            throws IOException, InterruptedException {
        ConnectStream stream = new ConnectStream(exchange);
        String directory = watchable(request, session, username);
        boolean withEntry = request.flag("includeEntry", false);
        ArrayBlockingQueue<Change> events = new ArrayBlockingQueue<>(WATCH_QUEUE);
        AutoCloseable watch =
                session.files().watch(Paths.ROOT, directory, request.flag("recursive", false), events::offer);
        try {
            stream.send("{\"start\":{}}");
            stream.flush();
            long began = System.nanoTime();
            long sent = began;
            while (true) {
                Duration wait = ALIVE_CHECK;
                if (stream.timeout().isPresent()) {
                    Duration left = stream.timeout().get().minusNanos(System.nanoTime() - began);
                    if (!left.isPositive()) {
                        stream.end(new ConnectError(
                                ConnectError.Code.DEADLINE_EXCEEDED, "the time limit of the watch has passed"));
                        return;
                    }
                    wait = left.compareTo(wait) < 0 ? left : wait;
                }
                Change change = events.poll(wait.toNanos(), TimeUnit.NANOSECONDS);
                if (change == null) {
                    session.requireAlive();
                    if (System.nanoTime() - sent < stream.keepAlive().toNanos()) {
                        continue;
                    }
                    stream.send("{\"keepalive\":{}}");
                } else if (change.kind() != Change.Kind.OVERFLOW) {
                    EntryJson entry = withEntry ? entry(session, directory, change) : null;
                    JsonBody body = g -> {
                        g.writeStartObject();
                        g.writeName("filesystem");
                        event(g, change, entry);
                        g.writeEndObject();
                    };
                    stream.send(body.bytes());
                }
                sent = System.nanoTime();
                if (events.isEmpty()) {
                    stream.flush();
                }
            }
        } finally {
            Watchers.quietly(watch);
        }
    }

    private String watchable(JsonRequest request, Session session, String username) {
        String path = path(request, session, username);
        Entry entry = Paths.stat(session.files(), path, true)
                .orElseThrow(() -> ConnectError.notFound("path not found: " + path));
        if (entry.type() != Entry.Type.DIRECTORY) {
            throw ConnectError.invalid("path is not a directory: " + path);
        }
        return path;
    }

    private @Nullable EntryJson entry(Session session, String directory, Change change) {
        if (change.kind() == Change.Kind.REMOVE || change.kind() == Change.Kind.RENAME) {
            return null;
        }
        try {
            return describe(session, Users.clean(directory + "/" + change.path()), "path not found: ");
        } catch (ConnectError | GuestFileException e) {
            // It is gone again already: the event still tells of it.
            return null;
        }
    }

    private static void event(JsonGenerator g, Change change, @Nullable EntryJson entry) {
        g.writeStartObject();
        g.writeStringProperty("name", change.path());
        g.writeStringProperty("type", "EVENT_TYPE_" + change.kind().name());
        if (entry != null) {
            g.writeName("entry");
            entry.write(g);
        }
        g.writeEndObject();
    }

    private static String path(JsonRequest request, Session session, String username) {
        return session.user(username).resolve(request.text("path", ""));
    }
}
