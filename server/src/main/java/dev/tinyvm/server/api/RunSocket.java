package dev.tinyvm.server.api;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.ExecRequest.WindowSize;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output.Exited;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.FrameSocket;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.Restart;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A Tiny VM in the foreground. It is made without a main process, and the descriptor's command is then run in it with the client's streams; the VM is removed when
 * that has ended or the client is gone.
 */
final class RunSocket implements FrameSocket.Body {
    private static final Logger log = LoggerFactory.getLogger(RunSocket.class);
    private static final Duration POLL = Duration.ofMillis(100);
    private static final int SIGKILL = 9;
    private static final Restart NO_RESTART = new Restart(
            Restart.Policy.NEVER,
            0,
            Restart.DEFAULT.window(),
            Restart.DEFAULT.backoff(),
            Restart.DEFAULT.maxBackoff(),
            Restart.DEFAULT.maxMemoryBytes());

    private final Manager manager;
    private final String requestId;
    private final String caller;

    RunSocket(Manager manager, String requestId, String caller) {
        this.manager = manager;
        this.requestId = requestId;
        this.caller = caller;
    }

    @Override
    public void run(FrameSocket socket) throws Exception {
        String vm = "";
        try {
            JsonRequest body = ExecSocket.firstFrame(socket);
            boolean stdin = body.flag("stdin", false);
            boolean wait = body.flag("waitForCapacity", true);
            Optional<WindowSize> terminal = ExecRoutes.terminal(body);
            Agent agent = manager.withImageDefaults(Descriptors.field(body));
            body.finish();
            if (agent.spec().command().isEmpty()) {
                throw HttpError.invalid(
                        "spec.command is missing and the image names none; a Tiny VM in the foreground needs something to run");
            }
            VmStatus made = manager.create(
                    new CreateRequest(idle(agent), "", "", wait, true, Map.of(), Optional.empty()).ownedBy(caller));
            vm = made.id();
            made = awaitRunning(socket, made);
            attach(socket, made, agent.spec(), terminal, stdin);
        } catch (RuntimeException e) {
            HttpError error = HttpError.from(e);
            if (error.status() >= 500 && !(e instanceof HttpError)) {
                log.warn("request {}: a foreground VM failed", requestId, e);
            }
            socket.sendText(ProcessBridge.errorFrame(error, requestId));
        } finally {
            if (!vm.isEmpty()) {
                remove(vm);
            }
        }
    }

    private void attach(FrameSocket socket, VmStatus vm, AgentSpec spec, Optional<WindowSize> terminal, boolean stdin)
            throws IOException, InterruptedException {
        ExecRequest request =
                new ExecRequest(spec.command(), spec.env(), spec.workingDir(), spec.user(), terminal, stdin, "run");
        GuestProcess process = ExecRoutes.start(manager, vm.id(), request);
        socket.sendText(g -> {
            g.writeStartObject();
            g.writeStringProperty("type", "started");
            g.writeNumberProperty("processId", process.processId());
            g.writeNumberProperty("pid", process.pid());
            g.writeName("vm");
            VmJson.vm(g, vm, false);
            g.writeEndObject();
        });
        Optional<Exited> end = new ProcessBridge(socket, process, false, requestId).run();
        if (end.isPresent()) {
            Exited exited = end.get();
            boolean outOfMemory = exited.signal() == SIGKILL && oomKills(vm.id()) > 0;
            long limitMib = spec.resources().memoryBytes() >> 20;
            socket.sendText(ExecSocket.exit(
                    exited,
                    outOfMemory ? "OOMKilled" : "",
                    outOfMemory ? "it used more than its " + limitMib + " MiB of memory" : ""));
        }
    }

    private VmStatus awaitRunning(FrameSocket socket, VmStatus made) throws IOException, InterruptedException {
        VmStatus vm = made;
        String told = "";
        while (vm.state() != VmState.RUNNING && vm.state() != VmState.WAITING) {
            if (vm.state().ended()) {
                throw HttpError.of(500, "failed", "the Tiny VM did not start: " + vm.reason() + " " + vm.message(), "");
            }
            String message = vm.message();
            if (!message.equals(told)) {
                told = message;
                socket.sendText(g -> {
                    g.writeStartObject();
                    g.writeStringProperty("type", "pending");
                    g.writeStringProperty("message", message);
                    g.writeEndObject();
                });
            }
            if (socket.closed()) {
                throw new IOException("the client left while its VM was waiting");
            }
            Thread.sleep(POLL);
            vm = manager.vm(vm.id());
        }
        return vm;
    }

    private long oomKills(String vm) {
        try {
            return manager.stats(vm).machine().oomKills();
        } catch (ManagerException e) {
            log.debug("the figures of {} are gone with it", vm, e);
            return 0;
        }
    }

    private void remove(String vm) {
        try {
            manager.remove(vm);
        } catch (ManagerException e) {
            if (e.code() != ManagerException.Code.NOT_FOUND) {
                log.warn("could not remove the foreground VM {}: {}", vm, e.getMessage());
            }
        }
    }

    private static Agent idle(Agent agent) {
        return new Agent(
                agent.metadata(),
                agent.spec()
                        .change()
                        .command(List.of())
                        .restart(NO_RESTART)
                        .health(Optional.empty())
                        .replicas(1)
                        .build());
    }
}
