package dev.tinyvm.app;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Who this process is, and how it becomes somebody less. The identity calls go through glibc, which applies them to every thread of the process
 * (nptl(7), "NPTL makes all of the threads in a process share the same credentials"); a raw system call would change one thread only.
 */
final class Privileges {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(PathElement.groupElement("errno"));

    private Privileges() {}

    /** Whether this process may do everything: effective uid 0. Source: {@code /proc/self/status}, see proc(5). */
    static boolean isRoot() {
        return field("Uid:").split("\\s+")[1].equals("0");
    }

    /** The effective uid. */
    static int uid() {
        return Integer.parseUnsignedInt(field("Uid:").split("\\s+")[1]);
    }

    /** New files are for their owner alone from now on. */
    static void privateFilesOnly() {
        int before = call("umask", 077);
        assert before >= 0;
    }

    /**
     * Becomes an ordinary user for good: no groups, no capabilities, no way back. Order matters: groups and gid first, since the uid's change takes the right to change them.
     *
     * @param id unsigned, as the kernel's are: the higher half of them is negative here
     * @throws IllegalStateException when a step fails or a privilege is left; the caller must end then
     */
    static void become(int id) {
        String name = Integer.toUnsignedString(id);
        if (id == 0 || id == -1) {
            throw new IllegalArgumentException("uid " + name + " is not an ordinary user");
        }
        try (Arena arena = Arena.ofConfined()) {
            MethodHandle setgroups = LINKER.downcallHandle(
                    LINKER.defaultLookup().findOrThrow("setgroups"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS),
                    Linker.Option.captureCallState("errno"));
            MemorySegment state = arena.allocate(CALL_STATE);
            int result;
            try {
                result = (int) setgroups.invokeExact(state, 0L, MemorySegment.NULL);
            } catch (Throwable e) {
                throw new IllegalStateException("setgroups cannot be called", e);
            }
            check("setgroups", result, state);
        }
        call("setresgid", id, id, id);
        call("setresuid", id, id, id);
        String left = field("CapEff:").split("\\s+")[1] + field("CapPrm:").split("\\s+")[1];
        if (!left.matches("0+")) {
            throw new IllegalStateException("capabilities are left after the change to uid " + name + ": " + left);
        }
        if (!field("Uid:").matches("Uid:(\\s+" + name + "){4}")
                || !field("Gid:").matches("Gid:(\\s+" + name + "){4}")) {
            throw new IllegalStateException(
                    "the change to uid " + name + " is not complete: " + field("Uid:") + ", " + field("Gid:"));
        }
    }

    /** A line of {@code /proc/self/status}. */
    private static String field(String name) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith(name)) {
                    return line.strip();
                }
            }
        } catch (IOException e) {
            throw new IllegalStateException("/proc/self/status cannot be read: " + e.getMessage(), e);
        }
        throw new IllegalStateException("/proc/self/status has no line " + name);
    }

    private static int call(String name, int argument) {
        try (Arena arena = Arena.ofConfined()) {
            MethodHandle handle = LINKER.downcallHandle(
                    LINKER.defaultLookup().findOrThrow(name),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
                    Linker.Option.captureCallState("errno"));
            MemorySegment state = arena.allocate(CALL_STATE);
            int result;
            try {
                result = (int) handle.invokeExact(state, argument);
            } catch (Throwable e) {
                throw new IllegalStateException(name + " cannot be called", e);
            }
            check(name, result, state);
            return result;
        }
    }

    private static void call(String name, int first, int second, int third) {
        try (Arena arena = Arena.ofConfined()) {
            MethodHandle handle = LINKER.downcallHandle(
                    LINKER.defaultLookup().findOrThrow(name),
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
                    Linker.Option.captureCallState("errno"));
            MemorySegment state = arena.allocate(CALL_STATE);
            int result;
            try {
                result = (int) handle.invokeExact(state, first, second, third);
            } catch (Throwable e) {
                throw new IllegalStateException(name + " cannot be called", e);
            }
            check(name, result, state);
        }
    }

    private static void check(String name, int result, MemorySegment state) {
        if (result < 0) {
            throw new IllegalStateException(name + " failed (errno " + (int) ERRNO.get(state, 0L) + ")");
        }
    }
}
