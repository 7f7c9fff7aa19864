package dev.tinyvm.engine.container;

import dev.tinyvm.engine.Errno;

/** The spawner refused: which step, why. */
final class SpawnerException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int errno;
    private final String step;

    SpawnerException(int errno, String step, String message) {
        super(message);
        this.errno = errno;
        this.step = step;
    }

    int errno() {
        return errno;
    }

    String step() {
        return step;
    }

    /** The spawner's sentence with step and errno. */
    String sentence() {
        return getMessage() + " (" + step + ": " + Errno.name(errno) + ")";
    }
}
