package dev.tinyvm.images;

import java.io.IOException;
import java.io.InputStream;
import java.util.function.BooleanSupplier;

/**
 * Puts one layer above those that a writer has: whiteouts remove, everything else is made
 * ({@code https://github.com/opencontainers/image-spec/blob/main/layer.md}).
 */
final class LayerSink implements TarSink {
    private static final String WHITEOUT = ".wh.";
    private static final String OPAQUE = ".wh..wh..opq";

    private final RootfsWriter writer;

    private final BooleanSupplier unwanted;

    /** Begins the layer. */
    LayerSink(RootfsWriter writer) {
        this(writer, () -> false);
    }

    /** As above. @param unwanted asked at each entry: true ends it with {@link Unwanted} */
    LayerSink(RootfsWriter writer, BooleanSupplier unwanted) {
        this.writer = writer;
        this.unwanted = unwanted;
        writer.beginLayer();
    }

    /** Some builders (umoci, kaniko) write names from the root on; as for every container runtime that is the image's root. */
    @Override
    public String clean(String raw) {
        if (unwanted.getAsBoolean()) {
            throw new Unwanted();
        }
        return EntryName.clean(raw.replaceFirst("^/+", ""));
    }

    /** umoci leaves it away; a layer is checked against the digest of its content. */
    @Override
    public boolean needsEndMark() {
        return false;
    }

    @Override
    public void directory(String name, FileMeta meta) throws Posix.Failure {
        if (!isWhiteout(name)) {
            writer.directory(name, meta);
        }
    }

    @Override
    public void file(String name, FileMeta meta, long size, InputStream content) throws Posix.Failure, IOException {
        if (isWhiteout(name)) {
            content.skipNBytes(size);
        } else {
            writer.file(name, meta, size, content);
        }
    }

    @Override
    public void symlink(String name, String target, FileMeta meta) throws Posix.Failure {
        if (!isWhiteout(name)) {
            writer.symlink(name, target, meta);
        }
    }

    @Override
    public void hardLink(String name, String target) throws Posix.Failure {
        if (!isWhiteout(name)) {
            writer.hardLink(name, target);
        }
    }

    @Override
    public void count(String name) {
        writer.count(name);
    }

    /** Whether the entry is a mark and no file; obeys it. */
    private boolean isWhiteout(String name) throws Posix.Failure {
        if (name.indexOf(WHITEOUT) < 0) {
            return false;
        }
        String parent = EntryName.parent(name);
        String last = EntryName.last(name);
        if (parent.startsWith(WHITEOUT) || parent.contains("/" + WHITEOUT)) {
            throw EntryName.refused(name, "stands below a whiteout mark");
        }
        if (!last.startsWith(WHITEOUT)) {
            return false;
        }
        String hidden = last.substring(WHITEOUT.length());
        if (last.equals(OPAQUE)) {
            writer.opaque(parent);
        } else if (hidden.startsWith(WHITEOUT)) {
            // Left by AUFS for itself.
            writer.count(name);
        } else if (hidden.isEmpty() || hidden.equals(".") || hidden.equals("..")) {
            throw EntryName.refused(name, "is a whiteout mark of nothing");
        } else {
            writer.whiteout(parent.isEmpty() ? hidden : parent + "/" + hidden);
        }
        return true;
    }

    /** The rest of the layer is of no use any more. */
    static final class Unwanted extends RuntimeException {
        private static final long serialVersionUID = 1;

        Unwanted() {
            super("this layer is not wanted any more");
        }
    }
}
