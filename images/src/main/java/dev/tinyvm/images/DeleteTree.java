package dev.tinyvm.images;

/** Removes a directory with everything in it, whatever its names are, following no link. */
final class DeleteTree {
    private DeleteTree() {}

    /** What is not there is removed. */
    static void delete(int parent, String name) throws Posix.Failure {
        try {
            if (!Posix.stat(parent, name).isDirectory()) {
                Posix.unlinkat(parent, name, 0);
                return;
            }
        } catch (Posix.Failure e) {
            if (e.errno() == Posix.ENOENT) {
                return;
            }
            throw e;
        }
        int directory = Posix.openat(parent, name, Posix.O_RDONLY | Posix.O_DIRECTORY | Posix.O_NOFOLLOW, 0);
        try {
            // A user who is not root could not empty a read-only directory of their own.
            if ((Posix.stat(directory, "").permissions() & 0700) != 0700) {
                Posix.fchmod(directory, 0700);
            }
            for (String child : Posix.names(directory)) {
                delete(directory, child);
            }
        } finally {
            Posix.close(directory);
        }
        Posix.unlinkat(parent, name, Posix.AT_REMOVEDIR);
    }
}
