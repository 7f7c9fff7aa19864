package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import org.jspecify.annotations.Nullable;

/** The open files of one run: 0 to 2 are the streams, 3 is the directory {@code /}. Its guest's thread uses it. */
final class DescriptorTable implements AutoCloseable {
    static final int MAX_OPEN = 256;
    static final int ROOT = 3;

    private final FileTree tree;
    private final @Nullable Descriptor[] open = new Descriptor[MAX_OPEN];

    DescriptorTable(FileTree tree) {
        this.tree = tree;
        for (int fd = 0; fd < ROOT; fd++) {
            open[fd] = new Descriptor(null, "", fd == 0, fd != 0, false);
        }
        add(new Descriptor(tree.root(), "/", true, false, false));
    }

    /** @throws BadDescriptor when there is none */
    Descriptor get(int fd) {
        Descriptor found = fd < 0 || fd >= MAX_OPEN ? null : open[fd];
        if (found == null) {
            throw new BadDescriptor();
        }
        return found;
    }

    /** @throws GuestFileException {@code EMFILE} */
    int add(Descriptor descriptor) {
        for (int fd = ROOT; fd < MAX_OPEN; fd++) {
            if (open[fd] == null) {
                open[fd] = descriptor;
                if (descriptor.node() != null) {
                    tree.open(descriptor.node());
                }
                return fd;
            }
        }
        throw new GuestFileException(Errno.EMFILE, "more than " + MAX_OPEN + " open files");
    }

    void close(int fd) {
        Descriptor descriptor = get(fd);
        open[fd] = null;
        FileNode node = descriptor.node();
        if (node != null) {
            tree.close(node);
        }
        HostFile served = descriptor.served();
        if (served != null) {
            served.close();
        }
    }

    /** {@code to} becomes what {@code from} was; both must be open. */
    void move(int from, int to) {
        Descriptor descriptor = get(from);
        get(to);
        if (from != to) {
            close(to);
            open[to] = descriptor;
            open[from] = null;
        }
    }

    @Override
    public void close() {
        for (int fd = 0; fd < MAX_OPEN; fd++) {
            if (open[fd] != null) {
                close(fd);
            }
        }
    }

    /** No such open file. */
    static final class BadDescriptor extends RuntimeException {
        private static final long serialVersionUID = 1;

        BadDescriptor() {
            super("bad descriptor", null, false, false);
        }
    }

    /** An open file, directory or stream (then without a node). */
    static final class Descriptor {
        private final @Nullable FileNode node;
        private final @Nullable HostFile served;
        private final String preopenedAs;
        private final boolean readable;
        private final boolean writable;
        private boolean append;
        private long position;

        Descriptor(@Nullable FileNode node, String preopenedAs, boolean readable, boolean writable, boolean append) {
            this(node, null, preopenedAs, readable, writable, append);
        }

        /** A file that the host serves. */
        Descriptor(HostFile served) {
            this(null, served, "", true, true, false);
        }

        private Descriptor(
                @Nullable FileNode node,
                @Nullable HostFile served,
                String preopenedAs,
                boolean readable,
                boolean writable,
                boolean append) {
            this.node = node;
            this.served = served;
            this.preopenedAs = preopenedAs;
            this.readable = readable;
            this.writable = writable;
            this.append = append;
        }

        @Nullable
        FileNode node() {
            return node;
        }

        @Nullable
        HostFile served() {
            return served;
        }

        /** Its path when it was open from the start, otherwise empty. */
        String preopenedAs() {
            return preopenedAs;
        }

        boolean readable() {
            return readable;
        }

        boolean writable() {
            return writable;
        }

        boolean append() {
            return append;
        }

        void append(boolean on) {
            append = on;
        }

        long position() {
            return position;
        }

        void position(long at) {
            position = at;
        }
    }
}
