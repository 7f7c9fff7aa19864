package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.GuestFiles.Change;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/** Tells one listener of the changes below a directory, on a virtual thread of its own. More than {@value #MAX_WAITING} waiting changes become one OVERFLOW. */
final class TreeWatch implements AutoCloseable {
    private static final int MAX_WAITING = 4096;

    private final FileNode directory;
    private final boolean recursive;
    private final LinkedBlockingQueue<Change> waiting = new LinkedBlockingQueue<>(MAX_WAITING + 1);
    private final Thread teller;

    TreeWatch(FileNode directory, boolean recursive, Consumer<Change> onEvent) {
        this.directory = directory;
        this.recursive = recursive;
        this.teller = Thread.ofVirtual().name("wasm-watch").start(() -> tell(onEvent));
    }

    /** Called under the tree's monitor. */
    void changed(Change.Kind kind, FileNode parent, String name) {
        if (parent == directory) {
            add(new Change(kind, name));
        } else if (recursive) {
            String path = pathTo(directory, "", parent);
            if (!path.isEmpty()) {
                add(new Change(kind, path + "/" + name));
            }
        }
    }

    /** As {@link #changed(Change.Kind, FileNode, String)} for a node whose name must be looked for. */
    void changed(Change.Kind kind, FileNode node) {
        String path = pathTo(directory, "", node);
        if (!path.isEmpty()) {
            add(new Change(kind, path));
        }
    }

    @Override
    public void close() {
        teller.interrupt();
    }

    private String pathTo(FileNode from, String prefix, FileNode wanted) {
        for (Map.Entry<String, FileNode> child : from.children.entrySet()) {
            String path = prefix.isEmpty() ? child.getKey() : prefix + "/" + child.getKey();
            if (child.getValue() == wanted) {
                return path;
            }
            if (recursive && child.getValue().isDirectory()) {
                String below = pathTo(child.getValue(), path, wanted);
                if (!below.isEmpty()) {
                    return below;
                }
            }
        }
        return "";
    }

    private void add(Change change) {
        if (waiting.size() < MAX_WAITING) {
            waiting.add(change);
        } else if (waiting.size() == MAX_WAITING) {
            waiting.add(new Change(Change.Kind.OVERFLOW, ""));
        }
    }

    private void tell(Consumer<Change> onEvent) {
        try {
            while (true) {
                onEvent.accept(waiting.take());
            }
        } catch (InterruptedException e) {
            // Closed.
            return;
        }
    }
}
