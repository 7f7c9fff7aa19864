package dev.tinyvm.sdk;

import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A Tiny VM in the foreground: its command with its streams. The VM is removed when the command ends, or this is closed, or the connection breaks. */
public final class RunSession extends ExecSession {
    private final VmInfo vm;

    private RunSession(FrameSocket socket, JsonNode started) {
        super(socket, started);
        this.vm = Decoding.vm(started.path("vm"));
    }

    static RunSession start(FrameSocket socket, RunRequest run, Consumer<String> waiting) {
        ObjectNode request = Transport.object();
        request.put("descriptor", run.descriptor().text());
        request.put("stdin", run.stdin());
        request.put("waitForCapacity", run.waitForCapacity());
        run.terminal().ifPresent(window -> request.set("terminal", window(window)));
        try {
            socket.sendText(request.toString());
            return new RunSession(socket, started(socket, waiting));
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    /** The VM as it was when the command started. */
    public VmInfo vm() {
        return vm;
    }
}
