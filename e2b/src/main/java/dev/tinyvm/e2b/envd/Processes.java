package dev.tinyvm.e2b.envd;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.Manager;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** The commands of one sandbox that run, by their pid inside. Thread safe. */
final class Processes {
    private final Manager manager;
    private final String sandboxId;
    private final Map<Integer, RunningProcess> byPid = new ConcurrentHashMap<>();

    /** A started command and the first who listens to it: nothing that it says is missed. */
    record Started(RunningProcess process, RunningProcess.Listener listener) {}

    Processes(Manager manager, String sandboxId) {
        this.manager = manager;
        this.sandboxId = sandboxId;
    }

    Started start(ExecRequest request, RunningProcess.Config config) {
        GuestProcess guest = manager.exec(sandboxId, request);
        int pid = guest.pid();
        boolean terminal = request.terminal().isPresent();
        RunningProcess process = new RunningProcess(
                guest, config, terminal, terminal || request.stdin(), ended -> byPid.remove(pid, ended));
        RunningProcess.Listener listener = process.listen().orElseThrow();
        byPid.put(pid, process);
        process.start();
        return new Started(process, listener);
    }

    Optional<RunningProcess> find(int pid) {
        return Optional.ofNullable(byPid.get(pid));
    }

    Optional<RunningProcess> find(String tag) {
        return byPid.values().stream()
                .filter(p -> p.config().tag().filter(tag::equals).isPresent())
                .findFirst();
    }

    /** All that were started here, by pid. */
    List<RunningProcess> all() {
        List<RunningProcess> all = new ArrayList<>(byPid.values());
        all.sort(Comparator.comparingInt(RunningProcess::pid));
        return all;
    }

    /** Running commands that somebody else started: an earlier manager, or the native API. */
    List<ProcessInfo> others() {
        return manager.processes(sandboxId).stream()
                .filter(p ->
                        p.running() && !byPid.containsKey(p.pid()) && !p.tag().startsWith("tinyvm-"))
                .toList();
    }

    /** Detaches from all; they run on. */
    void close() {
        byPid.values().forEach(p -> p.process().close());
        byPid.clear();
    }
}
