package dev.tinyvm.engine.wasm;

/** Unwinds a guest's thread. Errors, so that no handler of exceptions on the way takes them; they carry no stack trace and never reach a user. */
abstract sealed class GuestStop extends Error {
    private static final long serialVersionUID = 1;

    private GuestStop(String message) {
        super(message, null, false, false);
    }

    /** The module asked to exit. */
    static final class Exit extends GuestStop {
        private static final long serialVersionUID = 1;
        private final int code;

        Exit(int code) {
            super("exit");
            this.code = code;
        }

        int code() {
            return code;
        }
    }

    /** The engine's own: a runtime that has been set up stands where its snapshot is to be taken. */
    static final class Snapshot extends GuestStop {
        private static final long serialVersionUID = 1;

        Snapshot() {
            super("snapshot");
        }
    }

    /** A signal ends it. */
    static final class Killed extends GuestStop {
        private static final long serialVersionUID = 1;

        Killed() {
            super("killed");
        }
    }

    /** The guest did what it must not, and is ended with a message on its standard error. */
    static final class Trap extends GuestStop {
        private static final long serialVersionUID = 1;
        private final int signal;

        Trap(int signal, String message) {
            super(message);
            this.signal = signal;
        }

        int signal() {
            return signal;
        }
    }
}
