package dev.tinyvm.guestlink;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;

/** Turns a guest's ERROR into what callers know. */
final class GuestErrors {
    private GuestErrors() {}

    static EngineException engine(String machine, String attempt, int errno, String message) {
        Code code = switch (errno) {
            case Errno.ENOENT, Errno.ESRCH, Errno.ECONNREFUSED -> Code.NOT_FOUND;
            case Errno.EACCES,
                    Errno.EPERM,
                    Errno.EINVAL,
                    Errno.E2BIG,
                    Errno.EBUSY,
                    Errno.EADDRINUSE,
                    Errno.ERANGE,
                    Errno.ENOTDIR,
                    Errno.EISDIR,
                    Errno.ELOOP,
                    Errno.ENAMETOOLONG,
                    ENOEXEC -> Code.INVALID;
            case Errno.EAGAIN, Errno.ENOMEM, Errno.EMFILE, Errno.ENFILE, Errno.ENOSPC, Errno.EDQUOT -> Code.LIMIT;
            default -> Code.FAILED;
        };
        return new EngineException(code, "could not " + attempt + " in " + machine + ": " + said(errno, message));
    }

    static GuestFileException file(String attempt, int errno, String message) {
        return new GuestFileException(errno, "could not " + attempt + ": " + said(errno, message));
    }

    /** The guest's words, cut to a bound, with the errno's name when they lack it. */
    private static String said(int errno, String message) {
        String text = message.length() > LinkLimits.MAX_ERROR_CHARS
                ? message.substring(0, LinkLimits.MAX_ERROR_CHARS)
                : message;
        String name = Errno.name(errno);
        if (text.isEmpty()) {
            return name;
        }
        return text.contains(name) ? text : text + " (" + name + ")";
    }

    private static final int ENOEXEC = 8;
}
