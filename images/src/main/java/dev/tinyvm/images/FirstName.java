package dev.tinyvm.images;

import java.io.InputStream;

/** Ends the reading of an archive at its first entry that is not the root. */
final class FirstName implements TarSink {
    /** The answer. */
    static final class Found extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final String name;

        Found(String name) {
            super(name, null, false, false);
            this.name = name;
        }

        String name() {
            return name;
        }
    }

    @Override
    public void directory(String name, FileMeta meta) {
        count(name);
    }

    @Override
    public void file(String name, FileMeta meta, long size, InputStream content) {
        count(name);
    }

    @Override
    public void symlink(String name, String target, FileMeta meta) {
        count(name);
    }

    @Override
    public void hardLink(String name, String target) {
        count(name);
    }

    @Override
    public void count(String name) {
        if (!name.isEmpty()) {
            throw new Found(name);
        }
    }
}
