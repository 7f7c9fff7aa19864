package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;

/** Error numbers of WASI preview 1, which differ from Linux's. Source: the witx files of WASI snapshot preview 1. */
final class WasiErrno {
    static final int SUCCESS = 0;
    static final int BADF = 8;
    static final int FAULT = 21;
    static final int INVAL = 28;
    static final int IO = 29;
    static final int ISDIR = 31;
    static final int NAMETOOLONG = 37;
    static final int NOMEM = 48;
    static final int NOSYS = 52;
    static final int NOTDIR = 54;
    static final int NOTSOCK = 57;
    static final int NOTSUP = 58;
    static final int OVERFLOW = 61;
    static final int PERM = 63;
    static final int SPIPE = 70;

    private WasiErrno() {}

    /** The same error in WASI's numbers; what it has no number for is an I/O error. */
    static int of(int linux) {
        return switch (linux) {
            case 0 -> SUCCESS;
            case Errno.EPERM -> PERM;
            case Errno.ENOENT -> 44;
            case Errno.ESRCH -> 71;
            case Errno.E2BIG -> 1;
            case Errno.EAGAIN -> 6;
            case Errno.ENOMEM -> NOMEM;
            case Errno.EACCES -> 2;
            case Errno.EBUSY -> 10;
            case Errno.EEXIST -> 20;
            case Errno.EXDEV -> 75;
            case Errno.ENOTDIR -> NOTDIR;
            case Errno.EISDIR -> ISDIR;
            case Errno.EINVAL -> INVAL;
            case Errno.ENFILE -> 41;
            case Errno.EMFILE -> 33;
            case Errno.EFBIG -> 22;
            case Errno.ENOSPC -> 51;
            case Errno.EROFS -> 69;
            case Errno.ERANGE -> 68;
            case Errno.ENAMETOOLONG -> NAMETOOLONG;
            case Errno.ENOTEMPTY -> 55;
            case Errno.ELOOP -> 32;
            case Errno.EDQUOT -> 19;
            default -> IO;
        };
    }
}
