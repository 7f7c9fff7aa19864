package dev.tinyvm.manager;

import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine.MachineEnd;
import java.util.Optional;

/**
 * How a main process or its machine ended, in the words of the status.
 *
 * @param failure whether the restart policy counts it as a failure
 * @param reason a word
 * @param message a sentence
 */
record Ending(boolean failure, String reason, String message, Optional<Integer> exitCode, Optional<Integer> signal) {
    static final String COMPLETED = "Completed";
    static final String ERROR = "Error";
    static final String OOM_KILLED = "OOMKilled";
    static final String MACHINE_LOST = "MachineLost";
    static final String PROTOCOL_VIOLATION = "ProtocolViolation";
    static final String START_FAILED = "StartFailed";
    static final String CRASH_LOOP = "CrashLoop";
    static final String UNHEALTHY = "Unhealthy";
    static final String MEMORY_EXCEEDED = "MemoryExceeded";
    static final String STOPPED_BY_USER = "StoppedByUser";
    static final String BUDGET_EXCEEDED = "BudgetExceeded";
    static final String MANAGER_SHUTDOWN = "ManagerShutdown";

    private static final int SIGKILL = 9;
    /** As a shell reports that its child was killed. */
    private static final int SHELL_SIGKILL = 128 + SIGKILL;

    private static final int NOT_FOUND_STATUS = 127;
    private static final int NOT_EXECUTABLE_STATUS = 126;

    /** @param oomKilled whether the kernel killed something in the machine for want of memory since the process started */
    static Ending of(Output.Exited exit, boolean oomKilled) {
        Optional<Integer> code = exit.signal() == 0 ? Optional.of(exit.exitCode()) : Optional.empty();
        Optional<Integer> signal = exit.signal() == 0 ? Optional.empty() : Optional.of(exit.signal());
        if (oomKilled && (exit.signal() == SIGKILL || exit.exitCode() == SHELL_SIGKILL)) {
            return new Ending(
                    true, OOM_KILLED, "the main process was killed: it used more memory than it may", code, signal);
        }
        if (exit.signal() != 0) {
            return new Ending(true, ERROR, "the main process was ended by signal " + exit.signal(), code, signal);
        }
        return exit.exitCode() == 0
                ? new Ending(false, COMPLETED, "the main process completed", code, signal)
                : new Ending(true, ERROR, "the main process ended with exit code " + exit.exitCode(), code, signal);
    }

    static Ending of(MachineEnd end) {
        String reason = switch (end.cause()) {
            case OOM_KILLED -> OOM_KILLED;
            case PROTOCOL_VIOLATION -> PROTOCOL_VIOLATION;
            case REQUESTED, GUEST_LOST -> MACHINE_LOST;
        };
        return failed(reason, end.detail());
    }

    /** The machine is there, but the program cannot be started. */
    static Ending commandNotStarted(boolean missing, String message) {
        int code = missing ? NOT_FOUND_STATUS : NOT_EXECUTABLE_STATUS;
        return new Ending(true, START_FAILED, message, Optional.of(code), Optional.empty());
    }

    static Ending failed(String reason, String message) {
        return new Ending(true, reason, message, Optional.empty(), Optional.empty());
    }
}
