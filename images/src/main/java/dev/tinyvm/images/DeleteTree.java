package dev.tinyvm.images;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.UUID;

/**
 * Removes a directory with everything in it, whatever its names are, following no link. What is nested very deep is first moved up, so
 * that neither the stack nor the descriptors of this process bound the depth.
 */
final class DeleteTree {
    private static final int MAX_OPEN = 160;

    private final int top;
    /** Names in the top directory that hold what was too deep. */
    private final Deque<String> moved = new ArrayDeque<>();

    private long bytes;

    private DeleteTree(int top) {
        this.top = top;
    }

    /**
     * What is not there is removed.
     *
     * @param parent an open directory of the same file system; what is nested very deep stands in it for a moment
     * @return bytes of the files that are gone
     */
    static long delete(int parent, String name) throws Posix.Failure {
        DeleteTree delete = new DeleteTree(parent);
        delete.one(parent, name, 0);
        while (!delete.moved.isEmpty()) {
            delete.one(parent, delete.moved.removeFirst(), 0);
        }
        return delete.bytes;
    }

    private void one(int parent, String name, int depth) throws Posix.Failure {
        try {
            FileStat stat = Posix.stat(parent, name);
            if (!stat.isDirectory()) {
                bytes += stat.isFile() && stat.links() == 1 ? stat.size() : 0;
                Posix.unlinkat(parent, name, 0);
                return;
            }
        } catch (Posix.Failure e) {
            if (e.errno() == Posix.ENOENT) {
                return;
            }
            throw e;
        }
        if (depth >= MAX_OPEN) {
            String up = ".remove-" + UUID.randomUUID();
            Posix.renameat(parent, name, top, up);
            moved.add(up);
            return;
        }
        int directory = Posix.openat(parent, name, Posix.O_RDONLY | Posix.O_DIRECTORY | Posix.O_NOFOLLOW, 0);
        try {
            // A user who is not root could not empty a read-only directory of their own.
            if ((Posix.stat(directory, "").permissions() & 0700) != 0700) {
                Posix.fchmod(directory, 0700);
            }
            for (String child : Posix.names(directory)) {
                one(directory, child, depth + 1);
            }
        } finally {
            Posix.close(directory);
        }
        Posix.unlinkat(parent, name, Posix.AT_REMOVEDIR);
    }
}
