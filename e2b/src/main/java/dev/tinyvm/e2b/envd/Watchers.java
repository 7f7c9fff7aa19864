package dev.tinyvm.e2b.envd;

import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;

/** Watches that clients made to ask for their events now and then. Thread safe. */
final class Watchers {
    /** Events that wait for a client at most; older ones win, as the kernel's own queue does it. */
    private static final int QUEUE = 4096;
    /** Watches one sandbox may have open. */
    private static final int MAX = 128;

    private final Map<String, Watcher> byId = new ConcurrentHashMap<>();

    /** One of them. */
    static final class Watcher implements AutoCloseable {
        private final ArrayBlockingQueue<Change> events = new ArrayBlockingQueue<>(QUEUE);
        private final AutoCloseable watch;
        private final String directory;
        private final boolean withEntry;

        private Watcher(GuestFiles files, String directory, boolean recursive, boolean withEntry) {
            this.directory = directory;
            this.withEntry = withEntry;
            this.watch = files.watch(Paths.ROOT, directory, recursive, events::offer);
        }

        String directory() {
            return directory;
        }

        boolean withEntry() {
            return withEntry;
        }

        List<Change> drain() {
            List<Change> drained = new ArrayList<>();
            events.drainTo(drained);
            return drained;
        }

        @Override
        public void close() {
            quietly(watch);
        }
    }

    /** Starts one; its id. */
    String create(GuestFiles files, String directory, boolean recursive, boolean withEntry) {
        if (byId.size() >= MAX) {
            throw new ConnectError(
                    ConnectError.Code.RESOURCE_EXHAUSTED, "a sandbox has at most " + MAX + " watchers; remove one");
        }
        String id = "w" + UUID.randomUUID().toString().replace("-", "");
        byId.put(id, new Watcher(files, directory, recursive, withEntry));
        return id;
    }

    Watcher get(String id) {
        return Optional.ofNullable(byId.get(id))
                .orElseThrow(() -> ConnectError.notFound("watcher with id " + id + " not found"));
    }

    void remove(String id) {
        get(id);
        Optional.ofNullable(byId.remove(id)).ifPresent(Watcher::close);
    }

    void close() {
        byId.values().forEach(Watcher::close);
        byId.clear();
    }

    /** Ends a watch whose machine may be gone already. */
    static void quietly(AutoCloseable watch) {
        try {
            watch.close();
        } catch (Exception e) {
            if (e instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            // The machine is gone, and the watch with it.
        }
    }
}
