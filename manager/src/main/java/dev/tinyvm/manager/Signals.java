package dev.tinyvm.manager;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.ManagerException.Code;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Signals a process whose stream belongs to somebody else. Attaching would take the stream away from its reader (a process has one), so
 * {@code kill} of the Tiny VM's own shell does it, as root.
 */
final class Signals {
    private Signals() {}

    /** @throws ManagerException {@code FAILED} with what {@code kill} said */
    static void send(Machine machine, ProcessInfo process, int signal) {
        ExecRequest kill = new ExecRequest(
                List.of("sh", "-c", "kill -" + signal + " " + process.pid()),
                Map.of(),
                "/",
                "root",
                Optional.empty(),
                false,
                "signal");
        StringBuilder said = new StringBuilder();
        try (GuestProcess running = machine.exec(kill)) {
            while (true) {
                switch (running.next()) {
                    case Output.Stdout out ->
                        said.append(new String(out.bytes(), java.nio.charset.StandardCharsets.UTF_8));
                    case Output.Stderr err ->
                        said.append(new String(err.bytes(), java.nio.charset.StandardCharsets.UTF_8));
                    case Output.Exited exited -> {
                        machine.forget(running.processId());
                        boolean endedMeanwhile = machine.processes().stream()
                                .noneMatch(p -> p.processId() == process.processId() && p.running());
                        if (exited.shellStatus() != 0 && !endedMeanwhile) {
                            throw new ManagerException(
                                    Code.FAILED,
                                    "could not signal process " + process.processId() + ": "
                                            + said.toString().strip());
                        }
                        return;
                    }
                    case Output.Lost lost -> throw new ManagerException(Code.GONE, lost.reason());
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ManagerException(Code.TIMEOUT, "interrupted while signalling process " + process.processId(), e);
        }
    }
}
