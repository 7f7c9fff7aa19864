package dev.tinyvm.manager;

import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.manager.VmActivity.Hold;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The files of a Tiny VM that is kept awake while a call is under way and while a file is read or written. A watch holds nothing: nothing changes in a frozen one.
 */
final class HeldFiles implements GuestFiles {
    private final GuestFiles files;
    private final Supplier<Hold> holds;

    HeldFiles(GuestFiles files, Supplier<Hold> holds) {
        this.files = files;
        this.holds = holds;
    }

    @Override
    public Entry stat(String user, String path, boolean followLinks) {
        return held(f -> f.stat(user, path, followLinks));
    }

    @Override
    public List<Entry> list(String user, String path, int depth) {
        return held(f -> f.list(user, path, depth));
    }

    @Override
    public void makeDirectory(String user, String path, int mode, boolean parents) {
        run(f -> f.makeDirectory(user, path, mode, parents));
    }

    @Override
    public void rename(String user, String from, String to, boolean noReplace) {
        run(f -> f.rename(user, from, to, noReplace));
    }

    @Override
    public void remove(String user, String path, boolean recursive) {
        run(f -> f.remove(user, path, recursive));
    }

    @Override
    public void chmod(String user, String path, int mode) {
        run(f -> f.chmod(user, path, mode));
    }

    @Override
    public void chown(String path, String owner) {
        run(f -> f.chown(path, owner));
    }

    @Override
    public void symlink(String user, String target, String path) {
        run(f -> f.symlink(user, target, path));
    }

    @Override
    public List<Map<String, String>> attributes(String user, List<String> paths) {
        return held(f -> f.attributes(user, paths));
    }

    @Override
    public void setAttribute(String user, String path, String name, String value) {
        run(f -> f.setAttribute(user, path, name, value));
    }

    @Override
    public void removeAttribute(String user, String path, String name) {
        run(f -> f.removeAttribute(user, path, name));
    }

    @Override
    public Content read(String user, String path, long offset, long length) {
        return kept(hold -> {
            Content content = files.read(user, path, offset, length);
            return new Content(content.entry(), new HeldInput(content.stream(), hold));
        });
    }

    @Override
    public WriteStream write(String user, String path, WriteOptions options) {
        return kept(hold -> new HeldOutput(files.write(user, path, options), hold));
    }

    @Override
    public AutoCloseable watch(String user, String path, boolean recursive, Consumer<Change> onEvent) {
        return held(f -> f.watch(user, path, recursive, onEvent));
    }

    private <T> T held(Function<GuestFiles, T> call) {
        try (Hold _ = holds.get()) {
            return call.apply(files);
        }
    }

    private void run(Consumer<GuestFiles> call) {
        try (Hold _ = holds.get()) {
            call.accept(files);
        }
    }

    /** The result keeps the hold. */
    private <T> T kept(Function<Hold, T> call) {
        Hold hold = holds.get();
        try {
            return call.apply(hold);
        } catch (RuntimeException e) {
            hold.close();
            throw e;
        }
    }

    private static final class HeldInput extends FilterInputStream {
        private final Hold hold;

        private HeldInput(InputStream in, Hold hold) {
            super(in);
            this.hold = hold;
        }

        @Override
        public void close() throws IOException {
            try {
                super.close();
            } finally {
                hold.close();
            }
        }
    }

    private static final class HeldOutput extends WriteStream {
        private final WriteStream out;
        private final Hold hold;

        private HeldOutput(WriteStream out, Hold hold) {
            this.out = out;
            this.hold = hold;
        }

        @Override
        public void write(int b) throws IOException {
            out.write(b);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            out.write(bytes, offset, length);
        }

        @Override
        public void flush() throws IOException {
            out.flush();
        }

        @Override
        public void close() throws IOException {
            try {
                out.close();
            } finally {
                hold.close();
            }
        }

        @Override
        public void abort() {
            try {
                out.abort();
            } finally {
                hold.close();
            }
        }
    }
}
