package dev.tinyvm.e2b.envd;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/** Steps that several file calls share. As envd does it, all is done as root inside the sandbox and then given to the user. */
final class Paths {
    static final String ROOT = "root";
    private static final int DIRECTORY_MODE = 0755;
    private static final int MAX_LINKS = 40;

    private Paths() {}

    static String parent(String path) {
        int slash = path.lastIndexOf('/');
        return slash <= 0 ? "/" : path.substring(0, slash);
    }

    static String name(String path) {
        return path.equals("/") ? "/" : path.substring(path.lastIndexOf('/') + 1);
    }

    /** Empty when there is nothing. */
    static Optional<Entry> stat(GuestFiles files, String path, boolean followLinks) {
        try {
            return Optional.of(files.stat(ROOT, path, followLinks));
        } catch (GuestFileException e) {
            if (e.errno() == Errno.ENOENT) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** Makes a directory and those above it that are missing, all of them the user's. {@code ENOTDIR} when something else is in the way. */
    static void makeDirectories(GuestFiles files, String directory, Users.User user) {
        Deque<String> missing = new ArrayDeque<>();
        String at = directory;
        Optional<Entry> found = stat(files, at, true);
        while (found.isEmpty() && !at.equals("/")) {
            missing.push(at);
            at = parent(at);
            found = stat(files, at, true);
        }
        if (found.isPresent() && found.get().type() != Entry.Type.DIRECTORY) {
            throw new GuestFileException(Errno.ENOTDIR, "path is a file, not a directory: " + at);
        }
        for (String path : missing) {
            try {
                files.makeDirectory(ROOT, path, DIRECTORY_MODE, false);
                give(files, path, user);
            } catch (GuestFileException e) {
                if (e.errno() != Errno.EEXIST) {
                    throw e;
                }
                // Somebody else made it in this moment.
            }
        }
    }

    /** What root has just made becomes the user's. */
    static void give(GuestFiles files, String path, Users.User user) {
        if (user.uid() != 0) {
            files.chown(path, user.owner());
        }
    }

    /** Where a link leads in the end; its own path when it leads nowhere. */
    static String linkTarget(GuestFiles files, String path, Entry link) {
        String at = path;
        Entry entry = link;
        for (int i = 0; i < MAX_LINKS; i++) {
            Optional<String> target = entry.linkTarget().filter(t -> !t.isEmpty());
            if (entry.type() != Entry.Type.SYMLINK || target.isEmpty()) {
                return at;
            }
            at = Users.clean(target.get().startsWith("/") ? target.get() : parent(at) + "/" + target.get());
            Optional<Entry> next = stat(files, at, false);
            if (next.isEmpty()) {
                return path;
            }
            entry = next.get();
        }
        return path;
    }
}
