package dev.tinyvm.server.api;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output.Exited;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.server.http.FrameSocket;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonBody;
import dev.tinyvm.server.http.JsonRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** A streaming exec: the first text frame says what to run. */
final class ExecSocket implements FrameSocket.Body {
    static final Duration FIRST_FRAME = Duration.ofSeconds(30);
    private final Manager manager;
    private final String vm;
    private final String requestId;

    ExecSocket(Manager manager, String vm, String requestId) {
        this.manager = manager;
        this.vm = vm;
        this.requestId = requestId;
    }

    @Override
    public void run(FrameSocket socket) throws Exception {
        GuestProcess process;
        boolean detach;
        try {
            JsonRequest body = firstFrame(socket);
            boolean stdin = body.flag("stdin", false);
            detach = body.flag("detach", false);
            ExecRequest request = ExecRoutes.request(body, ExecRoutes.terminal(body), stdin);
            body.finish();
            process = ExecRoutes.start(manager, vm, request);
        } catch (RuntimeException e) {
            socket.sendText(ProcessBridge.errorFrame(HttpError.from(e), requestId));
            return;
        }
        started(socket, process);
        Optional<Exited> end = new ProcessBridge(socket, process, detach, requestId).run();
        if (end.isPresent()) {
            socket.sendText(exit(end.get(), "", ""));
        }
    }

    /** The request, as the client's first text frame. */
    static JsonRequest firstFrame(FrameSocket socket) throws IOException, InterruptedException {
        return switch (socket.take(FIRST_FRAME).orElse(null)) {
            case null -> throw HttpError.of(408, "timeout", "no request came in " + FIRST_FRAME.toSeconds() + " s", "");
            case FrameSocket.Text(String text) -> JsonRequest.parse(text);
            case FrameSocket.Binary binary ->
                throw HttpError.invalid("the first frame must be a text frame with the JSON request");
            case FrameSocket.Closed closed -> throw new IOException("the client left before it asked for anything");
        };
    }

    static JsonBody exit(Exited end, String reason, String message) {
        return g -> {
            g.writeStartObject();
            g.writeStringProperty("type", "exit");
            g.writeNumberProperty("exitCode", end.exitCode());
            g.writeNumberProperty("signal", end.signal());
            g.writeNumberProperty("cpuMicros", end.cpuMicros());
            g.writeNumberProperty("maxRssBytes", end.maxRssBytes());
            if (!reason.isEmpty()) {
                g.writeStringProperty("reason", reason);
                g.writeStringProperty("message", message);
            }
            g.writeEndObject();
        };
    }

    private static void started(FrameSocket socket, GuestProcess process) {
        try {
            socket.sendText(g -> {
                g.writeStartObject();
                g.writeStringProperty("type", "started");
                g.writeNumberProperty("processId", process.processId());
                g.writeNumberProperty("pid", process.pid());
                g.writeEndObject();
            });
        } catch (IOException e) {
            // The client is gone already; the bridge sees that too and ends the process as it should be ended.
        }
    }
}
