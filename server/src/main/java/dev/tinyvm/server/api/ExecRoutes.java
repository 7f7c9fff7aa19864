package dev.tinyvm.server.api;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.ExecRequest.WindowSize;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** Commands inside of a VM: {@code exec} to its end or as a stream, processes, signals. */
final class ExecRoutes {
    private static final int DEFAULT_TIMEOUT_MILLIS = 60_000;
    private static final int MAX_TIMEOUT_MILLIS = 3_600_000;
    private static final int DEFAULT_OUTPUT_BYTES = 1 << 20;
    private static final int MAX_OUTPUT_BYTES = 16 << 20;
    private static final int MAX_SIGNAL = 64;

    private final Manager manager;

    ExecRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        router.add(Route.of("POST", base + "/vms/{vm}/exec", this::exec));
        router.add(Route.stream(base + "/vms/{vm}/exec", this::session));
        router.add(Route.of("GET", base + "/vms/{vm}/processes", this::processes));
        router.add(Route.of("POST", base + "/vms/{vm}/processes/{process}/signal", this::signal));
    }

    private void exec(Call call) throws InterruptedException {
        JsonRequest body = call.json();
        byte[] input = input(body);
        int timeout = body.number("timeoutMillis", 1, MAX_TIMEOUT_MILLIS, DEFAULT_TIMEOUT_MILLIS);
        int keep = body.number("maxOutputBytes", 0, MAX_OUTPUT_BYTES, DEFAULT_OUTPUT_BYTES);
        ExecRequest request = request(body, Optional.empty(), input.length > 0);
        body.finish();
        call.takesLong();
        ExecOutcome outcome;
        try (GuestProcess process = start(manager, call.variable("vm"), request)) {
            outcome = ExecOutcome.collect(process, input, Duration.ofMillis(timeout), keep);
        }
        call.json(200, outcome);
    }

    private static byte[] input(JsonRequest body) {
        Optional<String> text = body.optionalText("stdin");
        Optional<String> base64 = body.optionalText("stdinBase64");
        if (text.isPresent() && base64.isPresent()) {
            throw HttpError.invalid("stdin and stdinBase64 say the same thing; send one of them");
        }
        try {
            return base64.map(Base64.getDecoder()::decode)
                    .orElseGet(() -> text.orElse("").getBytes(StandardCharsets.UTF_8));
        } catch (IllegalArgumentException e) {
            throw HttpError.invalid("stdinBase64 is not base64");
        }
    }

    private void session(Call call) {
        String vm = call.variable("vm");
        call.requireUpgrade();
        manager.vm(vm);
        call.upgrade(new ExecSocket(manager, vm, call.requestId()));
    }

    private void processes(Call call) {
        List<ProcessInfo> processes = manager.processes(call.variable("vm"));
        call.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("processes");
            for (ProcessInfo process : processes) {
                g.writeStartObject();
                g.writeNumberProperty("processId", process.processId());
                g.writeNumberProperty("pid", process.pid());
                g.writeBooleanProperty("running", process.running());
                g.writeBooleanProperty("terminal", process.terminal());
                g.writeStringProperty("tag", process.tag());
                VmJson.texts(g, "command", process.command());
                g.writeStringProperty("startedAt", process.startedAt().toString());
                g.writeEndObject();
            }
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private void signal(Call call) {
        JsonRequest body = call.json();
        int signal = body.requiredNumber("signal", 1, MAX_SIGNAL);
        body.finish();
        int process;
        try {
            process = Integer.parseInt(call.variable("process"));
        } catch (NumberFormatException e) {
            throw HttpError.invalid("a process is named by its processId, a number");
        }
        manager.signal(call.variable("vm"), process, signal);
        call.empty(204);
    }

    /** Asks for what every way to exec has; the caller asks for its own fields and then calls {@code finish}. */
    static ExecRequest request(JsonRequest body, Optional<WindowSize> terminal, boolean stdin) {
        List<String> command = body.texts("command");
        if (command.isEmpty()) {
            throw HttpError.invalid("command is missing; it must be a list of strings: the program and its arguments");
        }
        return new ExecRequest(
                command,
                body.textMap("env"),
                body.text("workingDir", ""),
                body.text("user", ""),
                terminal,
                stdin,
                body.text("tag", ""));
    }

    static Optional<WindowSize> terminal(JsonRequest body) {
        return body.object("terminal").map(window -> {
            WindowSize size = window(window);
            window.finish();
            return size;
        });
    }

    static WindowSize window(JsonRequest body) {
        return new WindowSize(body.requiredNumber("rows", 1, 0xffff), body.requiredNumber("columns", 1, 0xffff));
    }

    /** Tells a missing program apart from a missing VM. */
    static GuestProcess start(Manager manager, String vm, ExecRequest request) {
        try {
            return manager.exec(vm, request);
        } catch (ManagerException e) {
            if (e.code() == ManagerException.Code.NOT_FOUND) {
                manager.vm(vm);
                throw commandNotFound(e);
            }
            if (e.code() == ManagerException.Code.INVALID) {
                throw HttpError.of(400, "command_invalid", String.valueOf(e.getMessage()), "");
            }
            throw e;
        } catch (EngineException e) {
            if (e.code() == EngineException.Code.NOT_FOUND) {
                throw commandNotFound(e);
            }
            if (e.code() == EngineException.Code.INVALID) {
                throw HttpError.of(400, "command_invalid", String.valueOf(e.getMessage()), "");
            }
            throw e;
        }
    }

    private static HttpError commandNotFound(RuntimeException e) {
        return HttpError.of(404, "command_not_found", String.valueOf(e.getMessage()), "");
    }
}
