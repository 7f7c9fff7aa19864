package dev.tinyvm.engine;

import dev.tinyvm.engine.GuestFiles.Change;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/** One watch of a {@link FakeFiles}: changes are handed over on a virtual thread of its own. */
final class FakeWatch {
    private final String directory;
    private final boolean recursive;
    private final BlockingQueue<Change> changes = new LinkedBlockingQueue<>();
    private final Thread thread;

    FakeWatch(String directory, boolean recursive, Consumer<Change> onEvent) {
        this.directory = directory;
        this.recursive = recursive;
        this.thread = Thread.startVirtualThread(() -> deliver(onEvent));
    }

    void changed(Change.Kind kind, String path) {
        String prefix = directory.equals("/") ? "/" : directory + "/";
        if (path.equals(directory)) {
            changes.add(new Change(kind, ""));
        } else if (path.startsWith(prefix)) {
            String relative = path.substring(prefix.length());
            if (recursive || relative.indexOf('/') < 0) {
                changes.add(new Change(kind, relative));
            }
        }
    }

    void close() {
        thread.interrupt();
    }

    private void deliver(Consumer<Change> onEvent) {
        try {
            while (true) {
                onEvent.accept(changes.take());
            }
        } catch (InterruptedException e) {
            // Closed: nobody wants to know the rest.
            return;
        }
    }
}
