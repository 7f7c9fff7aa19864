package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Takes an archive of an image apart: every file becomes a blob, its name is remembered. No link is ever made. */
final class ArchiveSink implements TarSink {
    /** Layers, configurations, manifests and directories, with much room. */
    static final int MAX_ENTRIES = 20_000;

    private static final int MAX_HOPS = 8;
    private static final Pattern BLOB = Pattern.compile("blobs/sha256/([0-9a-f]{64})");

    private final BlobStore blobs;
    private final String where;
    private final Map<String, Digest> files = new HashMap<>();
    private final Map<String, String> links = new HashMap<>();
    private final List<Digest> added = new ArrayList<>();
    private int entries;

    ArchiveSink(BlobStore blobs, String where) {
        this.blobs = blobs;
        this.where = where;
    }

    /** Blobs that the store did not have before. */
    List<Digest> added() {
        return added;
    }

    /** What is under a name, also by way of links. */
    Optional<Digest> find(String name) {
        String at = name;
        for (int hops = 0; hops < MAX_HOPS; hops++) {
            Digest digest = files.get(at);
            if (digest != null) {
                return Optional.of(digest);
            }
            String target = links.get(at);
            if (target == null) {
                return Optional.empty();
            }
            at = target;
        }
        return Optional.empty();
    }

    @Override
    public void directory(String name, FileMeta meta) {
        count(name);
    }

    @Override
    public void file(String name, FileMeta meta, long size, InputStream content) throws IOException {
        count(name);
        Matcher blob = BLOB.matcher(name);
        Digest known = blob.matches() ? new Digest(blob.group(1)) : null;
        boolean had = known != null && blobs.has(known);
        Digest digest;
        try {
            digest = blobs.put(content, size);
        } catch (EOFException e) {
            throw EntryName.refused(
                    name, "says that it has " + size + " bytes, but fewer follow; is the archive cut off?");
        }
        if (!had) {
            added.add(digest);
        }
        if (known != null && !known.equals(digest)) {
            throw new ImageException(
                    ImageException.Code.DIGEST_MISMATCH,
                    where + " is refused: what it calls " + EntryName.shown(name) + " has the digest " + digest);
        }
        files.put(name, digest);
    }

    @Override
    public void symlink(String name, String target, FileMeta meta) {
        count(name);
        links.put(name, resolved(EntryName.parent(name), target));
    }

    @Override
    public void hardLink(String name, String target) {
        count(name);
        links.put(name, target);
    }

    @Override
    public void count(String name) {
        if (++entries > MAX_ENTRIES) {
            throw new ImageException(
                    ImageException.Code.TOO_LARGE, where + " is refused: it has over " + MAX_ENTRIES + " entries");
        }
    }

    /** A link's target as a name of the archive; what leads out of it names nothing. */
    private static String resolved(String directory, String target) {
        Deque<String> parts = new ArrayDeque<>();
        for (String part : (target.startsWith("/") ? target : directory + "/" + target).split("/", -1)) {
            if (part.equals("..")) {
                parts.pollLast();
            } else if (!part.isEmpty() && !part.equals(".")) {
                parts.addLast(part);
            }
        }
        return String.join("/", parts);
    }
}
