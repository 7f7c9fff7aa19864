package dev.tinyvm.e2b.envd;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.ManagerException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The commands of one sandbox that run, by their pid inside. Thread safe.
 *
 * <p>Those that an earlier manager started are taken up again, once, before the first question about any: from then on they can be joined, written to and resized like
 * all others, and nobody's output stalls for want of a reader. What the guest does not keep of them is lost: their environment and their working directory.
 */
final class Processes {
    private static final Logger log = LoggerFactory.getLogger(Processes.class);

    private final Manager manager;
    private final String sandboxId;
    private final Instant before;
    private final Map<Integer, RunningProcess> byPid = new ConcurrentHashMap<>();
    private final Object adopting = new Object();
    private volatile boolean adopted;

    /** A started command and the first who listens to it: nothing that it says is missed. */
    record Started(RunningProcess process, RunningProcess.Listener listener) {}

    /** @param before only commands that were started before then are an earlier manager's */
    Processes(Manager manager, String sandboxId, Instant before) {
        this.manager = manager;
        this.sandboxId = sandboxId;
        this.before = before;
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
        adopt();
        return Optional.ofNullable(byPid.get(pid));
    }

    Optional<RunningProcess> find(String tag) {
        adopt();
        return byPid.values().stream()
                .filter(p -> p.config().tag().filter(tag::equals).isPresent())
                .findFirst();
    }

    /** All that were started here, by pid. */
    List<RunningProcess> all() {
        adopt();
        List<RunningProcess> all = new ArrayList<>(byPid.values());
        all.sort(Comparator.comparingInt(RunningProcess::pid));
        return all;
    }

    /** Takes up what an earlier manager started. Only the first call does anything. */
    void adopt() {
        if (adopted) {
            return;
        }
        synchronized (adopting) {
            if (adopted) {
                return;
            }
            for (ProcessInfo other : others()) {
                if (other.startedAt().isBefore(before)) {
                    take(other);
                }
            }
            adopted = true;
        }
    }

    private void take(ProcessInfo other) {
        GuestProcess guest;
        try {
            guest = manager.attach(sandboxId, other.processId());
        } catch (ManagerException | EngineException e) {
            // It has ended meanwhile, or a client of the native API follows it: then it stays that client's.
            log.debug("did not take up process {} of {}", other.pid(), sandboxId, e);
            return;
        }
        List<String> words = other.command();
        RunningProcess process = new RunningProcess(
                guest,
                new RunningProcess.Config(
                        words.isEmpty() ? "" : words.getFirst(),
                        words.isEmpty() ? List.of() : words.subList(1, words.size()),
                        Map.of(),
                        "",
                        Optional.of(other.tag()).filter(t -> !t.isEmpty())),
                other.terminal(),
                true,
                ended -> byPid.remove(other.pid(), ended));
        byPid.put(other.pid(), process);
        process.start();
    }

    /** Running commands that somebody else started and follows: a client of the native API. */
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
