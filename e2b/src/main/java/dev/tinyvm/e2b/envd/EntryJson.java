package dev.tinyvm.e2b.envd;

import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.server.http.JsonBody;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JsonGenerator;

/**
 * {@code filesystem.EntryInfo}.
 *
 * @param path absolute
 * @param entry the thing itself; a link is not followed
 * @param target where a link leads
 * @param targetEntry what is there
 * @param metadata the user's words kept with the file
 */
record EntryJson(
        String path, Entry entry, Optional<String> target, Optional<Entry> targetEntry, Map<String, String> metadata) {
    private static final long DIRECTORY_BYTES = 4096;

    static EntryJson of(GuestFiles files, String path, Entry entry, Map<String, String> metadata) {
        if (entry.type() != Entry.Type.SYMLINK) {
            return new EntryJson(path, entry, Optional.empty(), Optional.empty(), metadata);
        }
        String target = Paths.linkTarget(files, path, entry);
        return new EntryJson(path, entry, Optional.of(target), Paths.stat(files, target, true), metadata);
    }

    /** {@code {"entry": {…}}}. */
    JsonBody wrapped() {
        return g -> {
            g.writeStartObject();
            g.writeName("entry");
            write(g);
            g.writeEndObject();
        };
    }

    void write(JsonGenerator g) {
        // A link is shown with the kind and mode of what it leads to, as envd does it.
        Optional<Entry> shown = target.isPresent() ? targetEntry : Optional.of(entry);
        g.writeStartObject();
        g.writeStringProperty("name", Paths.name(path));
        g.writeStringProperty("type", type(shown.map(Entry::type).orElse(Entry.Type.OTHER)));
        g.writeStringProperty("path", path);
        g.writeStringProperty("size", Long.toString(size()));
        g.writeNumberProperty("mode", shown.map(e -> e.mode() & 0777).orElse(0));
        g.writeStringProperty("permissions", permissions(entry));
        g.writeStringProperty("owner", entry.owner());
        g.writeStringProperty("group", entry.group());
        g.writeStringProperty("modifiedTime", entry.modifiedAt().toString());
        if (target.isPresent()) {
            g.writeStringProperty("symlinkTarget", target.get());
        }
        if (!metadata.isEmpty()) {
            g.writeObjectPropertyStart("metadata");
            metadata.forEach(g::writeStringProperty);
            g.writeEndObject();
        }
        g.writeEndObject();
    }

    /** Btrfs gives an empty directory 0 bytes; E2B's clients expect a block, as ext4 has it. */
    private long size() {
        return entry.type() == Entry.Type.DIRECTORY ? Math.max(entry.size(), DIRECTORY_BYTES) : entry.size();
    }

    private static String type(Entry.Type type) {
        return switch (type) {
            case FILE -> "FILE_TYPE_FILE";
            case DIRECTORY -> "FILE_TYPE_DIRECTORY";
            case SYMLINK -> "FILE_TYPE_SYMLINK";
            case OTHER -> "FILE_TYPE_UNSPECIFIED";
        };
    }

    /** As Go prints a file's mode: {@code -rw-r--r--}, {@code drwxr-xr-x}, {@code Lrwxrwxrwx}, {@code dtrwxrwxrwx}. */
    static String permissions(Entry entry) {
        StringBuilder text = new StringBuilder(12);
        switch (entry.type()) {
            case DIRECTORY -> text.append('d');
            case SYMLINK -> text.append('L');
            case FILE, OTHER -> {
                // No letter of their own.
            }
        }
        int mode = entry.mode();
        if ((mode & 04000) != 0) {
            text.append('u');
        }
        if ((mode & 02000) != 0) {
            text.append('g');
        }
        if ((mode & 01000) != 0) {
            text.append('t');
        }
        if (text.isEmpty()) {
            text.append('-');
        }
        for (int bit = 8; bit >= 0; bit--) {
            text.append((mode >> bit & 1) == 0 ? '-' : "xwr".charAt(bit % 3));
        }
        return text.toString();
    }
}
