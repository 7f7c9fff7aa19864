package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.manager.VmActivity.Hold;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;

/** The verbs that work inside of a running Tiny VM: each keeps it awake while it lasts. For any thread. */
record Inside(Shared shared) {
    GuestProcess exec(TinyVm vm, ExecRequest request) {
        if (request.tag().equals(VmRun.MAIN_TAG)) {
            throw new ManagerException(
                    Code.INVALID, "the tag `main` is the descriptor's own command's; choose another tag");
        }
        Map<String, String> env = new LinkedHashMap<>(shared.offers().environment(vm.record()));
        env.putAll(request.env());
        ExecRequest full = new ExecRequest(
                request.command(),
                env,
                request.workingDir().isEmpty() ? vm.spec().workingDir() : request.workingDir(),
                request.user(),
                request.terminal(),
                request.stdin(),
                request.tag());
        shared.metering().used(vm.id());
        return insideKept(vm, "start a command", (machine, hold) -> vm.exec(machine, full, hold));
    }

    List<ProcessInfo> processes(TinyVm vm) {
        return inside(vm, "list its processes", Machine::processes);
    }

    GuestProcess attach(TinyVm vm, int processId) {
        return insideKept(vm, "follow process " + processId, (machine, hold) -> vm.attach(machine, processId, hold));
    }

    void signal(TinyVm vm, int processId, int signal) {
        boolean _ = inside(vm, "signal process " + processId, machine -> {
            signal(vm, machine, processId, signal);
            return true;
        });
    }

    GuestFiles files(TinyVm vm) {
        return inside(vm, "use its files", machine -> new HeldFiles(machine.files(), vm.waiting()::hold));
    }

    GuestConnection dial(TinyVm vm, int port) {
        return insideKept(
                vm, "connect to port " + port, (machine, hold) -> new HeldConnection(machine.dial(port), hold));
    }

    /** Awake while it lasts. */
    private static <T> T inside(TinyVm vm, String attempt, Function<Machine, T> action) {
        return insideKept(vm, attempt, (machine, hold) -> {
            try (hold) {
                return action.apply(machine);
            }
        });
    }

    /** Awake until the hold is closed, which the result does. */
    private static <T> T insideKept(TinyVm vm, String attempt, BiFunction<Machine, Hold, T> action) {
        Hold hold = vm.waiting().hold();
        boolean kept = false;
        try {
            T result = action.apply(vm.inside(attempt), hold);
            kept = true;
            return result;
        } catch (EngineException e) {
            if (vm.record().state() != VmState.RUNNING) {
                throw vm.notNow(attempt);
            }
            throw Engines.translate(
                    "could not " + attempt + " in " + vm.record().name(), e);
        } finally {
            if (!kept) {
                hold.close();
            }
        }
    }

    /**
     * A signal needs the process's one stream: the one that a caller or the log holds. Without one, a command inside sends it.
     */
    private static void signal(TinyVm vm, Machine machine, int processId, int signal) {
        if (signal < 1 || signal > 64) {
            throw new ManagerException(Code.INVALID, signal + " is not a signal; signals are 1 to 64");
        }
        ProcessInfo process = machine.processes().stream()
                .filter(p -> p.processId() == processId)
                .findFirst()
                .orElseThrow(() -> new ManagerException(
                        Code.NOT_FOUND,
                        "there is no process " + processId + " in "
                                + vm.record().name()));
        if (process.running() && !vm.signalOpen(processId, signal)) {
            Signals.send(machine, process, signal);
        }
    }
}
