package dev.tinyvm.images;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;

/**
 * The system calls that an import needs and the JDK does not have: everything relative to an open directory, names as bytes, owners, extended
 * attributes. Java's own file API cannot name a file that the locale cannot spell and cannot set {@code security.capability}.
 *
 * <p>Names are strings of one character a byte (ISO 8859-1). Failures are {@link Failure} with the errno. Stateless; the caller gives the
 * arena for buffers.
 */
final class Posix {
    static final int AT_FDCWD = -100;
    static final int AT_SYMLINK_NOFOLLOW = 0x100;
    static final int AT_REMOVEDIR = 0x200;
    static final int AT_EMPTY_PATH = 0x1000;
    static final int O_RDONLY = 0;
    static final int O_WRONLY = 1;
    static final int O_CREAT = 0x40;
    static final int O_EXCL = 0x80;
    static final int O_NONBLOCK = 0x800;
    static final int O_CLOEXEC = 0x80000;
    /** The two flags whose value differs on ARM. */
    static final int O_DIRECTORY = isArm() ? 0x4000 : 0x10000;

    static final int O_NOFOLLOW = isArm() ? 0x8000 : 0x20000;

    static final int EPERM = 1;
    static final int ENOENT = 2;
    static final int EACCES = 13;
    static final int EEXIST = 17;
    static final int EXDEV = 18;
    static final int ENOTDIR = 20;
    static final int ELOOP = 40;
    static final int ENODATA = 61;
    static final int ENOTSUP = 95;

    private static final long SYS_OPENAT2 = 437;
    private static final long SYS_MKNODAT = isArm() ? 33 : 259;
    private static final int S_IFCHR = 0020000;
    private static final long RESOLVE_NO_MAGICLINKS = 2;
    private static final long RESOLVE_NO_SYMLINKS = 4;
    private static final long RESOLVE_BENEATH = 8;
    private static final long RESOLVE_IN_ROOT = 16;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBC = LINKER.defaultLookup();
    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private static final MethodHandle OPENAT = variadic("openat", 3, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
    private static final MethodHandle SYSCALL =
            variadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG);
    private static final MethodHandle RAW =
            variadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle MKDIRAT = plain("mkdirat", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle SYMLINKAT = plain("symlinkat", JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    private static final MethodHandle LINKAT =
            plain("linkat", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle RENAMEAT = plain("renameat", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    private static final MethodHandle UNLINKAT = plain("unlinkat", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle FCHOWNAT =
            plain("fchownat", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle FCHMOD = plain("fchmod", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle UTIMENSAT = plain("utimensat", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
    private static final MethodHandle FSETXATTR =
            plain("fsetxattr", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT);
    private static final MethodHandle FGETXATTR = plain("fgetxattr", JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG);
    private static final MethodHandle FLISTXATTR = plain("flistxattr", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle STATX = plain("statx", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
    private static final MethodHandle GETDENTS64 = plain("getdents64", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle READLINKAT =
            plain("readlinkat", JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG);
    private static final MethodHandle READ = plain("read", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle WRITE = plain("write", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle CLOSE = plain("close", JAVA_INT, JAVA_INT);
    private static final MethodHandle SYNCFS = plain("syncfs", JAVA_INT, JAVA_INT);

    private Posix() {}

    /** A system call that failed. */
    static final class Failure extends Exception {
        private static final long serialVersionUID = 1;
        private final int errno;

        Failure(String call, int errno) {
            super(call + ": errno " + errno);
            this.errno = errno;
        }

        int errno() {
            return errno;
        }
    }

    static int openat(int directory, String name, int flags, int mode) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            return (int) call("openat", arena, OPENAT, directory, path(arena, name), flags | O_CLOEXEC, mode);
        }
    }

    /** Opens below a directory; ELOOP for a link anywhere in the name, EXDEV when it leads out. */
    static int openBeneath(int directory, String name, int flags) throws Failure {
        return openat2(directory, name, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    }

    /** Opens below a directory as if that were the root: links are followed, absolute ones and {@code ..} too, and none leads out. */
    static int openInRoot(int directory, String name, int flags) throws Failure {
        return openat2(directory, name, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    }

    private static int openat2(int directory, String name, int flags, long resolve) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment how = arena.allocate(24, 8);
            how.set(JAVA_LONG, 0, flags | O_CLOEXEC);
            how.set(JAVA_LONG, 16, resolve);
            return (int) call("openat2", arena, SYSCALL, SYS_OPENAT2, directory, path(arena, name), how, 24L);
        }
    }

    static void mkdirat(int directory, String name, int mode) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call("mkdirat", arena, MKDIRAT, directory, path(arena, name), mode);
        }
    }

    /** Makes the mark by which overlayfs hides a name of lower layers: a character device 0, 0. */
    static void makeWhiteout(int directory, String name) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            long path = path(arena, name).address();
            call("mknodat", arena, RAW, SYS_MKNODAT, (long) directory, path, (long) S_IFCHR, 0L, 0L);
        }
    }

    /** A system call whose arguments are numbers and addresses. */
    static long raw(String name, long number, long... arguments) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            Object[] all = new Object[6];
            all[0] = number;
            for (int i = 1; i < all.length; i++) {
                all[i] = i <= arguments.length ? arguments[i - 1] : 0L;
            }
            return call(name, arena, RAW, all);
        }
    }

    static void symlinkat(String target, int directory, String name) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call("symlinkat", arena, SYMLINKAT, path(arena, target), directory, path(arena, name));
        }
    }

    /** Links to the name itself, also when that is a symbolic link. */
    static void linkat(int fromDirectory, String from, int directory, String name) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call("linkat", arena, LINKAT, fromDirectory, path(arena, from), directory, path(arena, name), 0);
        }
    }

    static void renameat(int fromDirectory, String from, int directory, String name) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call("renameat", arena, RENAMEAT, fromDirectory, path(arena, from), directory, path(arena, name));
        }
    }

    static void unlinkat(int directory, String name, int flags) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call("unlinkat", arena, UNLINKAT, directory, path(arena, name), flags);
        }
    }

    /** Never follows a link; an empty name means the descriptor itself. */
    static void chown(int directory, String name, long uid, long gid) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call(
                    "fchownat",
                    arena,
                    FCHOWNAT,
                    directory,
                    path(arena, name),
                    (int) uid,
                    (int) gid,
                    AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
        }
    }

    static void fchmod(int file, int mode) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call("fchmod", arena, FCHMOD, file, mode);
        }
    }

    /** Sets the modification time (and access time to the same); never follows a link. */
    static void touch(int directory, String name, long seconds, int nanos) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment times = arena.allocate(32, 8);
            for (int i = 0; i < 32; i += 16) {
                times.set(JAVA_LONG, i, seconds);
                times.set(JAVA_LONG, i + 8, nanos);
            }
            call("utimensat", arena, UTIMENSAT, directory, path(arena, name), times, AT_SYMLINK_NOFOLLOW);
        }
    }

    static void fsetxattr(int file, String name, byte[] value) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(Math.max(1, value.length));
            MemorySegment.copy(value, 0, bytes, ValueLayout.JAVA_BYTE, 0, value.length);
            call("fsetxattr", arena, FSETXATTR, file, path(arena, name), bytes, (long) value.length, 0);
        }
    }

    static byte[] fgetxattr(int file, String name) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(ImportLimits.MAX_XATTR_BYTES);
            long length = call("fgetxattr", arena, FGETXATTR, file, path(arena, name), buffer, buffer.byteSize());
            return buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    static String[] flistxattr(int file) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            if (call("flistxattr", arena, FLISTXATTR, file, MemorySegment.NULL, 0L) == 0) {
                return new String[0];
            }
            MemorySegment buffer = arena.allocate(ImportLimits.MAX_XATTR_BYTES);
            long length = call("flistxattr", arena, FLISTXATTR, file, buffer, buffer.byteSize());
            String names =
                    new String(buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
            return names.isEmpty() ? new String[0] : names.split("\0");
        }
    }

    /** What {@code statx(2)} says of a name, never following a link; an empty name means the descriptor itself. */
    static FileStat stat(int directory, String name) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(256, 8);
            int basicStats = 0x7ff;
            call(
                    "statx",
                    arena,
                    STATX,
                    directory,
                    path(arena, name),
                    AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
                    basicStats,
                    buffer);
            return new FileStat(
                    buffer.get(ValueLayout.JAVA_SHORT, 28) & 0xffff,
                    buffer.get(JAVA_INT, 16),
                    buffer.get(JAVA_INT, 20) & 0xffffffffL,
                    buffer.get(JAVA_INT, 24) & 0xffffffffL,
                    buffer.get(JAVA_LONG, 32),
                    buffer.get(JAVA_LONG, 40),
                    buffer.get(JAVA_LONG, 112),
                    buffer.get(JAVA_INT, 120),
                    ((long) buffer.get(JAVA_INT, 136) << 32) | (buffer.get(JAVA_INT, 140) & 0xffffffffL));
        }
    }

    /** The names in an open directory but {@code .} and {@code ..}, sorted. */
    static java.util.List<String> names(int directory) throws Failure {
        java.util.List<String> names = new java.util.ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(65_536, 8);
            while (true) {
                long length = call("getdents64", arena, GETDENTS64, directory, buffer, buffer.byteSize());
                if (length == 0) {
                    java.util.Collections.sort(names);
                    return names;
                }
                for (long at = 0; at < length; ) {
                    int record = buffer.get(ValueLayout.JAVA_SHORT, at + 16) & 0xffff;
                    long nameAt = at + 19;
                    long end = nameAt;
                    while (buffer.get(ValueLayout.JAVA_BYTE, end) != 0) {
                        end++;
                    }
                    String name = new String(
                            buffer.asSlice(nameAt, end - nameAt).toArray(ValueLayout.JAVA_BYTE),
                            StandardCharsets.ISO_8859_1);
                    if (!name.equals(".") && !name.equals("..")) {
                        names.add(name);
                    }
                    at += record;
                }
            }
        }
    }

    static String readlink(int directory, String name) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(4_096);
            long length =
                    call("readlinkat", arena, READLINKAT, directory, path(arena, name), buffer, buffer.byteSize());
            return new String(buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
        }
    }

    /** Bytes read into the start of the buffer; 0 at the end. */
    static int read(int file, MemorySegment buffer) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            return (int) call("read", arena, READ, file, buffer, buffer.byteSize());
        }
    }

    static void writeAll(int file, MemorySegment bytes) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            for (long done = 0; done < bytes.byteSize(); ) {
                MemorySegment rest = bytes.asSlice(done);
                done += call("write", arena, WRITE, file, rest, rest.byteSize());
            }
        }
    }

    static void syncfs(int file) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call("syncfs", arena, SYNCFS, file);
        }
    }

    static void close(int file) throws Failure {
        try (Arena arena = Arena.ofConfined()) {
            call("close", arena, CLOSE, file);
        }
    }

    private static MemorySegment path(Arena arena, String name) {
        return arena.allocateFrom(name, StandardCharsets.ISO_8859_1);
    }

    /** One system call; EINTR is tried again, any other failure is thrown with its errno. */
    private static long call(String name, Arena arena, MethodHandle handle, Object... arguments) throws Failure {
        MemorySegment state = arena.allocate(CALL_STATE);
        Object[] all = new Object[arguments.length + 1];
        all[0] = state;
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        while (true) {
            long result;
            try {
                result = ((Number) handle.invokeWithArguments(all)).longValue();
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new IllegalStateException(name + " could not be called", e);
            }
            if (result >= 0) {
                return result;
            }
            int errno = (int) ERRNO.get(state, 0L);
            if (errno != 4 || name.equals("close")) {
                throw new Failure(name, errno);
            }
        }
    }

    private static MethodHandle plain(String name, MemoryLayout result, MemoryLayout... parameters) {
        return handle(name, FunctionDescriptor.of(result, parameters), Linker.Option.captureCallState("errno"));
    }

    private static MethodHandle variadic(String name, int fixed, MemoryLayout result, MemoryLayout... parameters) {
        return handle(
                name,
                FunctionDescriptor.of(result, parameters),
                Linker.Option.captureCallState("errno"),
                Linker.Option.firstVariadicArg(fixed));
    }

    private static MethodHandle handle(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        MemorySegment symbol = LIBC.find(name)
                .orElseThrow(() ->
                        new IllegalStateException("the C library has no " + name + "; glibc 2.30 or newer is needed"));
        return LINKER.downcallHandle(symbol, descriptor, options);
    }

    private static boolean isArm() {
        return System.getProperty("os.arch", "").equals("aarch64");
    }
}
