package dev.tinyvm.e2b;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.Manager;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Makes a sandbox what it would be after a new start: its files as they are, nothing running, nothing in memory. Its first process, the guest, is not touched. */
final class ColdStart {
    /** SIGKILL for all but the first process and the one that sends it, again until nobody is left: a fork can slip through. */
    private static final List<String> END_ALL = List.of(
            "/bin/sh",
            "-c",
            "n=0; while kill -9 -1 2>/dev/null; do n=$((n + 1)); [ $n -lt 100 ] || exit 1; sleep 0.01; done; rm -rf /dev/shm/* /dev/shm/.[!.]*");

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private ColdStart() {}

    /** @throws E2bError 500 when something would not end */
    static void endProcesses(Manager manager, String sandboxId) {
        ExecRequest request = new ExecRequest(END_ALL, Map.of(), "/", "root", Optional.empty(), false, "tinyvm-cold");
        try (GuestProcess process = manager.exec(sandboxId, request)) {
            int status = status(process);
            if (status != 0) {
                throw new E2bError(
                        500, "the processes of sandbox '" + sandboxId + "' could not be ended (status " + status + ")");
            }
            awaitEnd(manager, sandboxId, process.pid());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new E2bError(503, "the manager stops; sandbox '" + sandboxId + "' was not paused");
        }
    }

    private static int status(GuestProcess process) throws InterruptedException {
        while (true) {
            switch (process.next()) {
                case Output.Exited exited -> {
                    return exited.shellStatus();
                }
                case Output.Lost lost -> throw new E2bError(500, "the sandbox was lost: " + lost.reason());
                default -> {
                    // It says nothing.
                }
            }
        }
    }

    /** Their ends are told a moment later. */
    private static void awaitEnd(Manager manager, String sandboxId, int self) throws InterruptedException {
        long giveUp = System.nanoTime() + PATIENCE.toNanos();
        while (manager.processes(sandboxId).stream().anyMatch(p -> p.running() && p.pid() != self)) {
            if (System.nanoTime() > giveUp) {
                List<Integer> left = manager.processes(sandboxId).stream()
                        .filter(ProcessInfo::running)
                        .map(ProcessInfo::pid)
                        .toList();
                throw new E2bError(500, "processes of sandbox '" + sandboxId + "' do not end: " + left);
            }
            Thread.sleep(5);
        }
    }
}
