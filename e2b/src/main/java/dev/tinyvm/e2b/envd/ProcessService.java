package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.envd.RunningProcess.Config;
import dev.tinyvm.e2b.envd.RunningProcess.Listener;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.ExecRequest.WindowSize;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.JsonBody;
import dev.tinyvm.server.http.JsonRequest;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JsonGenerator;

/** {@code process.Process} of envd: commands with pipes or a terminal. Source: E2B's process.proto. */
final class ProcessService {
    private static final int SIGKILL = 9;
    private static final int SIGTERM = 15;
    private static final int MAX_WINDOW = 65_535;

    /** Calls with one answer. */
    JsonBody unary(String method, JsonRequest request, Session session) {
        switch (method) {
            case "List" -> {
                return list(session);
            }
            case "Update" -> update(request, session);
            case "SendInput" ->
                write(
                        select(request, session),
                        request.object("input").orElseThrow(() -> ConnectError.invalid("input is missing")));
            case "SendSignal" -> signal(request, session);
            case "CloseStdin" -> closeStdin(select(request, session));
            default -> throw new ConnectError(ConnectError.Code.UNIMPLEMENTED, "process.Process has no " + method);
        }
        return ProcessService::nothing;
    }

    /** Whether the method answers with a stream. */
    static boolean streams(String method) {
        return method.equals("Start") || method.equals("Connect");
    }

    /** {@code Start} and {@code Connect}. */
    void stream(String method, JsonRequest request, Exchange exchange, Session session)
            throws IOException, InterruptedException {
        ConnectStream stream = new ConnectStream(exchange);
        if (method.equals("Start")) {
            Processes.Started started = start(request, session, Users.named(exchange));
            try (Listener listener = started.listener()) {
                new ProcessEvents(stream, started.process(), true).run(listener);
            }
            return;
        }
        RunningProcess process = select(request, session);
        try (Listener listener = process.listen().orElseThrow(() -> ended(process.pid()))) {
            new ProcessEvents(stream, process, false).run(listener);
        }
    }

    /** {@code StreamInput}: one call whose many messages are written in their order. */
    void streamInput(InputStream body, Session session) throws IOException {
        Optional<RunningProcess> process = Optional.empty();
        for (var message = ConnectFrames.read(body); message.isPresent(); message = ConnectFrames.read(body)) {
            JsonRequest event = message.get();
            Optional<JsonRequest> start = event.object("start");
            if (start.isPresent()) {
                process = Optional.of(select(start.get(), session));
            }
            Optional<JsonRequest> input = event.object("data").flatMap(d -> d.object("input"));
            if (input.isPresent()) {
                write(
                        process.orElseThrow(() -> ConnectError.invalid("the first message must be a start")),
                        input.get());
            }
        }
    }

    private static Processes.Started start(JsonRequest request, Session session, String username) {
        JsonRequest wanted = request.object("process").orElseThrow(() -> ConnectError.invalid("process is missing"));
        Users.User user = session.user(username);
        String command = wanted.text("cmd", "");
        if (command.isEmpty()) {
            throw ConnectError.invalid("process.cmd is missing");
        }
        List<String> line = new ArrayList<>();
        line.add(command);
        line.addAll(wanted.texts("args"));
        Optional<String> cwd =
                wanted.optionalText("cwd").filter(c -> !c.isEmpty()).map(user::resolve);
        Config config = new Config(
                command,
                wanted.texts("args"),
                wanted.textMap("envs"),
                cwd.orElse(""),
                request.optionalText("tag").filter(t -> !t.isEmpty()));
        Optional<WindowSize> window =
                request.object("pty").map(pty -> window(pty).orElse(new WindowSize(24, 80)));
        try {
            return session.processes()
                    .start(
                            new ExecRequest(
                                    line,
                                    config.env(),
                                    cwd.orElse(user.home()),
                                    user.name(),
                                    window,
                                    request.flag("stdin", true),
                                    config.tag().orElse("")),
                            config);
        } catch (ManagerException | EngineException e) {
            throw whyNotStarted(e, session, cwd, command);
        }
    }

    /** Finds out which of directory and command is at fault, in envd's words. */
    private static RuntimeException whyNotStarted(
            RuntimeException failure, Session session, Optional<String> cwd, String command) {
        ConnectError error = ConnectError.from(failure);
        if (error.code() != ConnectError.Code.NOT_FOUND && error.code() != ConnectError.Code.INVALID_ARGUMENT) {
            return error;
        }
        if (cwd.isPresent()) {
            try {
                if (session.files().stat("root", cwd.get(), true).type() != Entry.Type.DIRECTORY) {
                    return ConnectError.invalid("cwd '" + cwd.get() + "' is not a directory");
                }
            } catch (GuestFileException e) {
                return ConnectError.invalid("cwd '" + cwd.get() + "' does not exist");
            }
        }
        return ConnectError.invalid("error starting process '" + command + "': " + failure.getMessage());
    }

    private static JsonBody list(Session session) {
        List<RunningProcess> ours = session.processes().all();
        List<ProcessInfo> others = session.processes().others();
        return g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("processes");
            ours.forEach(p -> describe(g, p.pid(), p.config()));
            for (ProcessInfo other : others) {
                List<String> words = other.command();
                describe(
                        g,
                        other.pid(),
                        new Config(
                                words.isEmpty() ? "" : words.getFirst(),
                                words.isEmpty() ? List.of() : words.subList(1, words.size()),
                                java.util.Map.of(),
                                "",
                                Optional.of(other.tag()).filter(t -> !t.isEmpty())));
            }
            g.writeEndArray();
            g.writeEndObject();
        };
    }

    private static void describe(JsonGenerator g, int pid, Config config) {
        g.writeStartObject();
        g.writeObjectPropertyStart("config");
        g.writeStringProperty("cmd", config.command());
        g.writeArrayPropertyStart("args");
        config.args().forEach(g::writeString);
        g.writeEndArray();
        g.writeObjectPropertyStart("envs");
        config.env().forEach(g::writeStringProperty);
        g.writeEndObject();
        if (!config.workingDir().isEmpty()) {
            g.writeStringProperty("cwd", config.workingDir());
        }
        g.writeEndObject();
        g.writeNumberProperty("pid", pid);
        config.tag().ifPresent(tag -> g.writeStringProperty("tag", tag));
        g.writeEndObject();
    }

    private static void update(JsonRequest request, Session session) {
        RunningProcess process = select(request, session);
        Optional<WindowSize> size = request.object("pty").flatMap(ProcessService::window);
        if (size.isPresent()) {
            if (!process.terminal()) {
                throw new ConnectError(ConnectError.Code.FAILED_PRECONDITION, "tty not assigned to process");
            }
            process.process().resize(size.get().rows(), size.get().columns());
        }
    }

    private static void write(RunningProcess process, JsonRequest input) {
        Optional<String> stdin = input.optionalText("stdin");
        Optional<String> pty = input.optionalText("pty");
        if (pty.isPresent() && !process.terminal()) {
            throw new ConnectError(ConnectError.Code.FAILED_PRECONDITION, "tty not assigned to process");
        }
        if (stdin.isPresent() && process.terminal()) {
            throw new ConnectError(
                    ConnectError.Code.FAILED_PRECONDITION,
                    "tty assigned to process — input should be written to the pty, not the stdin");
        }
        if (!process.stdin()) {
            throw new ConnectError(ConnectError.Code.FAILED_PRECONDITION, "stdin not enabled or closed");
        }
        byte[] bytes = bytes(stdin.or(() -> pty).orElse(""));
        if (bytes.length > 0) {
            process.process().writeStdin(bytes, 0, bytes.length);
        }
    }

    private static void closeStdin(RunningProcess process) {
        if (process.terminal()) {
            throw new ConnectError(
                    ConnectError.Code.FAILED_PRECONDITION,
                    "cannot close the stdin of a process with a terminal — send Ctrl+D (0x04) instead");
        }
        if (!process.stdin()) {
            throw new ConnectError(ConnectError.Code.FAILED_PRECONDITION, "stdin not enabled or closed");
        }
        process.process().closeStdin();
    }

    /** SIGKILL and SIGTERM go to the whole group: a killed command leaves no children behind. */
    private static void signal(JsonRequest request, Session session) {
        int signal = switch (request.raw("signal").map(s -> s.asString()).orElse("")) {
            case "SIGNAL_SIGKILL", "9" -> SIGKILL;
            case "SIGNAL_SIGTERM", "15" -> SIGTERM;
            default -> throw ConnectError.invalid("the signal must be SIGNAL_SIGTERM or SIGNAL_SIGKILL");
        };
        Optional<RunningProcess> process = found(request, session);
        if (process.isPresent()) {
            process.get().process().signal(signal, true);
            return;
        }
        int pid = pid(request);
        ProcessInfo other = session.processes().others().stream()
                .filter(p -> p.pid() == pid)
                .findFirst()
                .orElseThrow(() -> ended(pid));
        session.manager().signal(session.sandboxId(), other.processId(), signal);
    }

    private static RunningProcess select(JsonRequest request, Session session) {
        return found(request, session)
                .orElseThrow(() -> selector(request).has("tag")
                        ? ConnectError.notFound(
                                "process with tag '" + selector(request).text("tag", "") + "' not found")
                        : ended(pid(request)));
    }

    private static Optional<RunningProcess> found(JsonRequest request, Session session) {
        JsonRequest selector = selector(request);
        return selector.has("tag")
                ? session.processes().find(selector.text("tag", ""))
                : session.processes().find(pid(request));
    }

    private static JsonRequest selector(JsonRequest request) {
        return request.object("process").orElseThrow(() -> ConnectError.invalid("process is missing"));
    }

    private static int pid(JsonRequest request) {
        return selector(request).number("pid", 0, Integer.MAX_VALUE, 0);
    }

    private static ConnectError ended(int pid) {
        return ConnectError.notFound("process with pid " + pid + " not found");
    }

    private static Optional<WindowSize> window(JsonRequest pty) {
        return pty.object("size")
                .map(s -> new WindowSize(s.number("rows", 0, MAX_WINDOW, 0), s.number("cols", 0, MAX_WINDOW, 0)));
    }

    private static byte[] bytes(String base64) {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw ConnectError.invalid("input must be base64");
        }
    }

    static void nothing(JsonGenerator g) {
        g.writeStartObject();
        g.writeEndObject();
    }
}
