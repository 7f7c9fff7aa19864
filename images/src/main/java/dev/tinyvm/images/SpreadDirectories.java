package dev.tinyvm.images;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * Asks ext4 to put each new directory in a directory into a block group of its own ({@code chattr +T}). ext4 passes over the inodes that were freed in the
 * last minutes, one by one at every new file (recently_deleted() of fs/ext4/ialloc.c): thousands of files that are unpacked beside thousands that were just
 * removed, as those of the layer before are, take ten times the processor. Other file systems have no such attribute, and need none.
 */
final class SpreadDirectories {
    private static final long SYS_IOCTL = System.getProperty("os.arch", "").equals("aarch64") ? 29 : 16;
    private static final long FS_IOC_GETFLAGS = 0x80086601L;
    private static final long FS_IOC_SETFLAGS = 0x40086602L;
    private static final int FS_TOPDIR_FL = 0x00020000;

    private SpreadDirectories() {}

    /** Whether the attribute is set now; that it is not is no failure. */
    static boolean ask(Path directory) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment flags = arena.allocate(ValueLayout.JAVA_LONG);
            int opened =
                    Posix.openat(Posix.AT_FDCWD, StorePaths.bytes(directory), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
            try {
                Posix.raw("ioctl", SYS_IOCTL, opened, FS_IOC_GETFLAGS, flags.address());
                int now = flags.get(ValueLayout.JAVA_INT, 0);
                if ((now & FS_TOPDIR_FL) == 0) {
                    flags.set(ValueLayout.JAVA_INT, 0, now | FS_TOPDIR_FL);
                    Posix.raw("ioctl", SYS_IOCTL, opened, FS_IOC_SETFLAGS, flags.address());
                }
                return true;
            } finally {
                Posix.close(opened);
            }
        } catch (Posix.Failure e) {
            return false;
        }
    }
}
