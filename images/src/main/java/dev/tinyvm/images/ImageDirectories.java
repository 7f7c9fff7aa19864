package dev.tinyvm.images;

import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeSet;

/** The directories of an image that is being made: opened without ever leaving it, made when something stands in them. Confined to one thread. */
final class ImageDirectories implements AutoCloseable {
    private final int root;
    /** Made because something stands in them; they belong to whoever imports, which is root. */
    private final NavigableSet<String> implied = new TreeSet<>(Set.of(""));

    private boolean followsLinks;
    private String openParentName = "";
    private int openParent = -1;

    /** @param root stays open */
    ImageDirectories(int root) {
        this.root = root;
    }

    /** From here on links in names are followed, inside of the image. */
    void followLinks() {
        followsLinks = true;
    }

    /** Names of directories that no entry described so far; the caller may remove some. */
    NavigableSet<String> implied() {
        return implied;
    }

    /** The open directory that a name stands in, made when no entry made it; owned by this object. */
    int parent(String name) throws Posix.Failure {
        String wanted = EntryName.parent(name);
        if (openParent >= 0 && wanted.equals(openParentName)) {
            return openParent;
        }
        int opened;
        try {
            opened = open(wanted);
        } catch (Posix.Failure e) {
            if (e.errno() != Posix.ENOENT) {
                throw throughLink(name, e);
            }
            makeParents(name, wanted);
            try {
                opened = open(wanted);
            } catch (Posix.Failure stillNot) {
                throw throughLink(name, stillNot);
            }
        }
        closeParent();
        openParent = opened;
        openParentName = wanted;
        return opened;
    }

    private void makeParents(String name, String directory) throws Posix.Failure {
        for (int slash = directory.indexOf('/'); ; slash = directory.indexOf('/', slash + 1)) {
            String prefix = slash < 0 ? directory : directory.substring(0, slash);
            try {
                int above = open(EntryName.parent(prefix));
                try {
                    Posix.mkdirat(above, EntryName.last(prefix), 0700);
                    implied.add(prefix);
                } finally {
                    Posix.close(above);
                }
            } catch (Posix.Failure e) {
                if (e.errno() != Posix.EEXIST) {
                    throw throughLink(name, e);
                }
            }
            if (slash < 0) {
                return;
            }
        }
    }

    /** The caller closes it. */
    int open(String directory) throws Posix.Failure {
        String name = directory.isEmpty() ? "." : directory;
        return followsLinks
                ? Posix.openInRoot(root, name, Posix.O_RDONLY | Posix.O_DIRECTORY)
                : Posix.openBeneath(root, name, Posix.O_RDONLY | Posix.O_DIRECTORY);
    }

    /** As above, but -1 when no directory is there. */
    int openExisting(String directory) throws Posix.Failure {
        try {
            return open(directory);
        } catch (Posix.Failure e) {
            return switch (e.errno()) {
                case Posix.ENOENT, Posix.ENOTDIR, Posix.ELOOP -> -1;
                default -> throw e;
            };
        }
    }

    private static Posix.Failure throughLink(String name, Posix.Failure failure) {
        return switch (failure.errno()) {
            case Posix.ELOOP, Posix.ENOTDIR, Posix.EXDEV, Posix.ENOENT ->
                throw EntryName.refused(name, "stands below something that is a link or a file, not a directory");
            default -> failure;
        };
    }

    /** Before what it is may be removed. */
    void closeParent() throws Posix.Failure {
        if (openParent >= 0) {
            int closing = openParent;
            openParent = -1;
            Posix.close(closing);
        }
    }

    @Override
    public void close() {
        try {
            closeParent();
        } catch (Posix.Failure e) {
            throw new ImageException(
                    ImageException.Code.IO, "a directory of the image could not be closed: " + e.getMessage(), e);
        }
    }
}
