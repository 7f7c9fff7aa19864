package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.spec.Health;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/** One try of a health check. Blocks; the caller bounds the time and calls {@link #cancel}. */
final class HealthProbe {
    private static final int SIGKILL = 9;
    private static final int MAX_STATUS_LINE_BYTES = 1_024;

    private final Machine machine;
    private final Health.Check check;
    private final Map<String, String> env;
    private final AtomicBoolean cancelled = new AtomicBoolean();
    private volatile Runnable giveUp = () -> {};

    HealthProbe(Machine machine, Health.Check check, Map<String, String> env) {
        this.machine = machine;
        this.check = check;
        this.env = env;
    }

    /** Empty: healthy; else what was wrong. */
    Optional<String> run() throws InterruptedException {
        try {
            return switch (check) {
                case Health.Exec exec -> exec(exec);
                case Health.Tcp tcp -> tcp(tcp.port());
                case Health.Http http -> http(http);
            };
        } catch (EngineException e) {
            return Optional.of(Engines.message(e));
        } catch (IOException e) {
            return Optional.of(e.getMessage() == null ? e.toString() : e.getMessage());
        }
    }

    /** Ends what is under way; for any thread. */
    void cancel() {
        if (cancelled.compareAndSet(false, true)) {
            giveUp.run();
        }
    }

    private void onCancel(Runnable action) {
        giveUp = action;
        if (cancelled.get()) {
            action.run();
        }
    }

    private Optional<String> exec(Health.Exec exec) throws InterruptedException {
        ExecRequest request = new ExecRequest(exec.command(), env, "", "", Optional.empty(), false, "health");
        try (GuestProcess process = machine.exec(request)) {
            onCancel(() -> process.signal(SIGKILL, true));
            long stdout = 0;
            long stderr = 0;
            while (true) {
                switch (process.next()) {
                    case Output.Stdout out -> {
                        stdout = out.offset() + out.bytes().length;
                        process.acknowledge(stdout, stderr);
                    }
                    case Output.Stderr err -> {
                        stderr = err.offset() + err.bytes().length;
                        process.acknowledge(stdout, stderr);
                    }
                    case Output.Exited exited -> {
                        machine.forget(process.processId());
                        return exited.shellStatus() == 0
                                ? Optional.empty()
                                : Optional.of(String.join(" ", exec.command()) + " ended with " + exited.shellStatus());
                    }
                    case Output.Lost lost -> {
                        return Optional.of(lost.reason());
                    }
                }
            }
        }
    }

    private Optional<String> tcp(int port) {
        machine.dial(port).close();
        return Optional.empty();
    }

    private Optional<String> http(Health.Http http) throws IOException {
        try (GuestConnection connection = machine.dial(http.port())) {
            onCancel(connection::close);
            String request = "GET " + http.path() + " HTTP/1.1\r\nHost: 127.0.0.1:" + http.port()
                    + "\r\nUser-Agent: tinyvm-health\r\nAccept: */*\r\nConnection: close\r\n\r\n";
            connection.output().write(request.getBytes(StandardCharsets.US_ASCII));
            connection.output().flush();
            String status = statusLine(connection.input());
            String[] words = status.split(" ", 3);
            if (words.length < 2 || !words[0].startsWith("HTTP/") || !words[1].matches("[1-5][0-9][0-9]")) {
                return Optional.of("port " + http.port() + " does not answer in HTTP");
            }
            int code = Integer.parseInt(words[1]);
            return code >= 200 && code < 400
                    ? Optional.empty()
                    : Optional.of("GET " + http.path() + " was answered with status " + code);
        }
    }

    private static String statusLine(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int b = in.read(); b >= 0 && b != '\n' && line.length() < MAX_STATUS_LINE_BYTES; b = in.read()) {
            if (b != '\r') {
                line.append((char) b);
            }
        }
        return line.toString();
    }
}
