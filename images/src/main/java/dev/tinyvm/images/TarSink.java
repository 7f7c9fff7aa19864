package dev.tinyvm.images;

import java.io.IOException;
import java.io.InputStream;

/** Where the entries of an archive go. Names are clean ({@link EntryName}), with one character a byte; the root is the empty name. */
interface TarSink {
    /** An entry's own name as the archive has it, made clean or refused; links' targets are always relative. */
    default String clean(String raw) {
        return EntryName.clean(raw);
    }

    /** Whether an archive without an end mark is cut off; a digest of the whole tells that better. */
    default boolean needsEndMark() {
        return true;
    }

    void directory(String name, FileMeta meta) throws Posix.Failure;

    /** @param content has the file's bytes and then the rest of the archive; exactly {@code size} of it are read */
    void file(String name, FileMeta meta, long size, InputStream content) throws Posix.Failure, IOException;

    void symlink(String name, String target, FileMeta meta) throws Posix.Failure;

    /** @param target a name that came before */
    void hardLink(String name, String target) throws Posix.Failure;

    /** A device or a fifo, which is not made. */
    void count(String name);
}
