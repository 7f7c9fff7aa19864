package dev.tinyvm.cli.terminal;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * The terminal behind a file descriptor. In raw mode every key goes to the program, Ctrl-C included; the former mode comes back on
 * {@link #close} and when the JVM ends for whatever reason but SIGKILL. Sources: termios(3), ioctl_tty(2); glibc's struct termios has 60 bytes
 * on x86-64 and arm64, and more is set aside.
 */
public final class Terminal implements AutoCloseable {
    private static final int TCSADRAIN = 1;
    private static final long TIOCGWINSZ = 0x5413;
    private static final long TERMIOS_BYTES = 128;

    private final int fd;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment original;
    private final Native libc;
    private final Thread atExit = new Thread(this::restore, "terminal-restore");
    private boolean raw;
    private boolean closed;

    private Terminal(int fd, Native libc, MemorySegment original) {
        this.fd = fd;
        this.libc = libc;
        this.original = arena.allocate(TERMIOS_BYTES).copyFrom(original);
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    /** The terminal at a descriptor (0 input, 1 output); empty when there is none. */
    public static Optional<Terminal> at(int fd) {
        Native libc = Native.link();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment termios = arena.allocate(TERMIOS_BYTES);
            if (libc.tcgetattr(fd, termios) != 0) {
                return Optional.empty();
            }
            return Optional.of(new Terminal(fd, libc, termios));
        }
    }

    /** Every byte as it is typed, no echo, no signals, output unchanged. */
    public synchronized void raw() {
        if (closed || raw) {
            return;
        }
        try (Arena local = Arena.ofConfined()) {
            MemorySegment termios = local.allocate(TERMIOS_BYTES).copyFrom(original);
            libc.cfmakeraw(termios);
            if (libc.tcsetattr(fd, TCSADRAIN, termios) != 0) {
                throw new IllegalStateException("cannot switch the terminal to raw mode: tcsetattr failed");
            }
            raw = true;
        }
    }

    /** Back to the mode it was found in. */
    public synchronized void restore() {
        if (raw) {
            // Nothing can be done about a failure: the terminal has gone away then.
            int ignored = libc.tcsetattr(fd, TCSADRAIN, original);
            assert ignored <= 0;
            raw = false;
        }
    }

    /** Rows and columns now; 24 × 80 when the terminal does not know. */
    public Size size() {
        try (Arena local = Arena.ofConfined()) {
            MemorySegment winsize = local.allocate(8);
            if (libc.ioctl(fd, TIOCGWINSZ, winsize) == 0) {
                int rows = Short.toUnsignedInt(winsize.get(ValueLayout.JAVA_SHORT, 0));
                int columns = Short.toUnsignedInt(winsize.get(ValueLayout.JAVA_SHORT, 2));
                if (rows > 0 && columns > 0) {
                    return new Size(rows, columns);
                }
            }
            return new Size(24, 80);
        }
    }

    @Override
    public void close() {
        restore();
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
            arena.close();
        } catch (IllegalStateException e) {
            // The JVM is ending already: the hook runs now and needs the saved mode.
            return;
        }
    }

    /** A window's size in characters. */
    public record Size(int rows, int columns) {}

    /** One method per call. */
    private record Native(MethodHandle getattr, MethodHandle setattr, MethodHandle makeraw, MethodHandle control) {
        static Native link() {
            Linker linker = Linker.nativeLinker();
            var attributes = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS);
            return new Native(
                    linker.downcallHandle(linker.defaultLookup().findOrThrow("tcgetattr"), attributes),
                    linker.downcallHandle(
                            linker.defaultLookup().findOrThrow("tcsetattr"),
                            FunctionDescriptor.of(
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.ADDRESS)),
                    linker.downcallHandle(
                            linker.defaultLookup().findOrThrow("cfmakeraw"),
                            FunctionDescriptor.ofVoid(ValueLayout.ADDRESS)),
                    linker.downcallHandle(
                            linker.defaultLookup().findOrThrow("ioctl"),
                            FunctionDescriptor.of(
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.JAVA_LONG,
                                    ValueLayout.ADDRESS),
                            Linker.Option.firstVariadicArg(2)));
        }

        int tcgetattr(int fd, MemorySegment termios) {
            try {
                return (int) getattr.invokeExact(fd, termios);
            } catch (Throwable e) {
                throw new IllegalStateException("tcgetattr cannot be called", e);
            }
        }

        int tcsetattr(int fd, int when, MemorySegment termios) {
            try {
                return (int) setattr.invokeExact(fd, when, termios);
            } catch (Throwable e) {
                throw new IllegalStateException("tcsetattr cannot be called", e);
            }
        }

        void cfmakeraw(MemorySegment termios) {
            try {
                makeraw.invokeExact(termios);
            } catch (Throwable e) {
                throw new IllegalStateException("cfmakeraw cannot be called", e);
            }
        }

        int ioctl(int fd, long request, MemorySegment argument) {
            try {
                return (int) control.invokeExact(fd, request, argument);
            } catch (Throwable e) {
                throw new IllegalStateException("ioctl cannot be called", e);
            }
        }
    }
}
