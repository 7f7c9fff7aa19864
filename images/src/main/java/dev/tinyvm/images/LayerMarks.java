package dev.tinyvm.images;

import java.util.Collections;
import java.util.NavigableSet;
import java.util.TreeSet;

/**
 * What a layer that is unpacked for itself hides of those below it, as overlayfs reads it: a character device 0, 0 hides a name, the attribute
 * {@code trusted.overlay.opaque} all that lower layers have in a directory. Marks never hide what their own layer brings.
 */
final class LayerMarks {
    private static final String OPAQUE = "trusted.overlay.opaque";
    private static final byte[] YES = {'y'};

    private final NavigableSet<String> whiteouts = new TreeSet<>();
    private final NavigableSet<String> opaques = new TreeSet<>();

    void whiteout(String name) {
        whiteouts.add(name);
    }

    void opaque(String directory) {
        opaques.add(directory);
    }

    /** Names that are hidden. */
    NavigableSet<String> whiteouts() {
        return Collections.unmodifiableNavigableSet(whiteouts);
    }

    /** Directories that hide. */
    NavigableSet<String> opaques() {
        return Collections.unmodifiableNavigableSet(opaques);
    }

    /** Writes the marks into the layer, before the directories get their times. */
    void apply(ImageDirectories tree) throws Posix.Failure {
        for (String name : new TreeSet<>(whiteouts)) {
            int parent = tree.parent(name);
            FileStat there = RootfsWriter.existing(parent, EntryName.last(name));
            if (there == null && !opaques.contains(EntryName.parent(name))) {
                Posix.makeWhiteout(parent, EntryName.last(name));
                continue;
            }
            if (there != null && there.isDirectory()) {
                opaques.add(name);
            }
            whiteouts.remove(name);
        }
        for (String name : opaques) {
            int directory = tree.openExisting(name);
            if (directory < 0) {
                throw EntryName.refused(name, "is hidden as a directory, and is none in its layer");
            }
            try {
                Posix.fsetxattr(directory, OPAQUE, YES);
            } finally {
                Posix.close(directory);
            }
        }
    }
}
