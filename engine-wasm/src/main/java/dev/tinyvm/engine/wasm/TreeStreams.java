package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;

/** Streams from and to files of a {@link FileTree}. One thread uses each. */
final class TreeStreams {
    private TreeStreams() {}

    private static IOException asIo(GuestFileException e) {
        return new IOException(e.getMessage(), e);
    }

    /** From a position, at most so many bytes. */
    static final class Reader extends InputStream {
        private final FileTree tree;
        private final FileNode node;
        private long position;
        private long left;
        private boolean closed;

        Reader(FileTree tree, FileNode node, long position, long length) {
            this.tree = tree;
            this.node = node;
            this.position = position;
            this.left = length;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, into.length);
            if (closed) {
                throw new IOException("the file is closed");
            }
            if (length == 0) {
                return 0;
            }
            int done;
            try {
                done = tree.read(node, position, into, offset, (int) Math.min(length, left));
            } catch (GuestFileException e) {
                throw asIo(e);
            }
            position += done;
            left -= done;
            return done == 0 ? -1 : done;
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                tree.close(node);
            }
        }
    }

    /** From the start, or at the end wherever that is. */
    static final class Writer extends GuestFiles.WriteStream {
        private final FileTree tree;
        private final FileNode node;
        private final boolean append;
        private final Runnable onComplete;
        private final Runnable onAbort;
        private long position;
        private boolean closed;

        Writer(FileTree tree, FileNode node, boolean append, Runnable onComplete, Runnable onAbort) {
            this.tree = tree;
            this.node = node;
            this.append = append;
            this.onComplete = onComplete;
            this.onAbort = onAbort;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, bytes.length);
            if (closed) {
                throw new IOException("the file is closed");
            }
            int done = 0;
            try {
                while (done < length) {
                    int part = tree.write(node, position, append, bytes, offset + done, length - done);
                    done += part;
                    position += part;
                }
            } catch (GuestFileException e) {
                throw asIo(e);
            }
        }

        @Override
        public void close() throws IOException {
            end(onComplete);
        }

        @Override
        public void abort() {
            try {
                end(onAbort);
            } catch (IOException e) {
                // The machine is gone, and the file with it.
                return;
            }
        }

        private void end(Runnable last) throws IOException {
            if (closed) {
                return;
            }
            closed = true;
            tree.close(node);
            try {
                last.run();
            } catch (GuestFileException e) {
                throw asIo(e);
            }
        }
    }
}
