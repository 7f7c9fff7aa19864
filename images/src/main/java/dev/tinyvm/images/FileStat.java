package dev.tinyvm.images;

/** What {@code statx(2)} says of a file that an import has to know. */
record FileStat(
        int mode,
        int links,
        long uid,
        long gid,
        long inode,
        long size,
        long modifiedSeconds,
        int modifiedNanos,
        long device) {
    private static final int TYPE = 0xf000;

    boolean isDirectory() {
        return (mode & TYPE) == 0x4000;
    }

    boolean isFile() {
        return (mode & TYPE) == 0x8000;
    }

    boolean isLink() {
        return (mode & TYPE) == 0xa000;
    }

    boolean isDevice() {
        return (mode & TYPE) == 0x2000 || (mode & TYPE) == 0x6000;
    }

    int permissions() {
        return mode & 07777;
    }
}
