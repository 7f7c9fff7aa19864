package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.Sandbox;
import dev.tinyvm.e2b.Sandboxes;
import dev.tinyvm.e2b.TokenKey;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.manager.Manager.VmStats;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonBody;
import dev.tinyvm.server.http.JsonRequest;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers what E2B's daemon answers on port 49983 of each sandbox. It is not in the sandbox: all of it is translated to the manager's verbs. */
public final class EnvdApi implements AutoCloseable {
    /** The port that SDKs send these requests to. */
    public static final int PORT = 49983;

    private static final Logger log = LoggerFactory.getLogger(EnvdApi.class);
    private static final String PROCESS = "/process.Process/";
    private static final String FILESYSTEM = "/filesystem.Filesystem/";
    private static final int MAX_UNARY_BYTES = 4 << 20;
    private static final int SWEEP_EVERY = 256;

    private final Sandboxes sandboxes;
    private final Signatures signatures;
    private final ProcessService processService = new ProcessService();
    private final FilesystemService filesystemService = new FilesystemService();
    private final Uploads uploads = new Uploads();
    private final Downloads downloads = new Downloads();
    private final Map<String, Session> sessions = new ConcurrentHashMap<>();
    private final AtomicInteger sinceSweep = new AtomicInteger();
    private final Instant since = Instant.now();

    public EnvdApi(Sandboxes sandboxes) {
        this.sandboxes = sandboxes;
        this.signatures = new Signatures(sandboxes.settings().clock());
    }

    /** Answers, or throws what {@link E2bError#from} understands. */
    public void serve(Exchange exchange, Sandbox sandbox) throws IOException, InterruptedException {
        exchange.header("Access-Control-Allow-Origin", "*");
        if (exchange.method().equals("OPTIONS")) {
            preflight(exchange);
            return;
        }
        String path = exchange.path();
        if (path.equals("/health")) {
            exchange.empty(204);
        } else if (path.equals("/files")) {
            files(exchange, sandbox);
        } else {
            authorize(exchange, sandbox);
            switch (path) {
                case "/metrics" -> metrics(exchange, sandbox);
                case "/envs" -> envs(exchange, sandbox);
                case "/files/compose" -> uploads.compose(exchange, session(sandbox));
                default -> call(exchange, sandbox, path);
            }
        }
    }

    /** Takes up the commands that an earlier manager left running, so that none of them stalls because nobody reads its output. */
    public void adopt() {
        for (Sandbox sandbox : sandboxes.all()) {
            if (sandbox.paused()) {
                continue;
            }
            try {
                session(sandbox).processes().adopt();
            } catch (ManagerException | EngineException e) {
                // It is not up again or gone; the first who asks for its commands tries again.
                log.debug("did not take up the commands of sandbox {}", sandbox.id(), e);
            }
        }
    }

    @Override
    public void close() {
        sessions.values().forEach(Session::close);
        sessions.clear();
    }

    private void call(Exchange exchange, Sandbox sandbox, String path) throws IOException, InterruptedException {
        boolean process = path.startsWith(PROCESS);
        if (!process && !path.startsWith(FILESYSTEM)) {
            throw new E2bError(404, "envd has nothing at " + path);
        }
        if (!exchange.method().equals("POST")) {
            throw new E2bError(405, "remote calls are made with POST");
        }
        String method = path.substring((process ? PROCESS : FILESYSTEM).length());
        boolean streams = process ? ProcessService.streams(method) : FilesystemService.streams(method);
        boolean takesStream = process && method.equals("StreamInput");
        String wanted = streams || takesStream ? ConnectStream.TYPE : "application/json";
        if (!exchange.contentType().equals(wanted)) {
            exchange.header("Accept-Post", wanted);
            throw new E2bError(
                    415,
                    "this call takes " + wanted + ", not '" + exchange.contentType()
                            + "' (Connect protocol with JSON)");
        }
        Session session = session(sandbox);
        if (streams) {
            stream(exchange, session, process, method);
        } else if (takesStream) {
            streamInput(exchange, session);
        } else {
            unary(exchange, session, process, method);
        }
    }

    private void unary(Exchange exchange, Session session, boolean process, String method) {
        JsonBody answer;
        try {
            JsonRequest request = parse(exchange.body(MAX_UNARY_BYTES));
            answer = process
                    ? processService.unary(method, request, session)
                    : filesystemService.unary(method, request, session, Users.named(exchange));
        } catch (RuntimeException e) {
            ConnectError error = reported(e, method);
            exchange.json(error.httpStatus(), error.body());
            return;
        }
        exchange.json(200, answer);
    }

    private void stream(Exchange exchange, Session session, boolean process, String method)
            throws IOException, InterruptedException {
        exchange.takesLong();
        try {
            JsonRequest request;
            try (InputStream body = exchange.bodyStream()) {
                request =
                        ConnectFrames.read(body).orElseThrow(() -> ConnectError.invalid("the request has no message"));
            }
            if (process) {
                processService.stream(method, request, exchange, session);
            } else {
                filesystemService.watch(request, exchange, session, Users.named(exchange));
            }
        } catch (RuntimeException e) {
            ConnectError error = reported(e, method);
            if (error.code() == ConnectError.Code.UNAVAILABLE) {
                // The sandbox went away under it: break off, so that the SDK asks /health.
                throw new IOException(error.getMessage(), e);
            }
            if (exchange.answered()) {
                throw e;
            }
            new ConnectStream(exchange).end(error);
        }
    }

    private void streamInput(Exchange exchange, Session session) throws IOException {
        exchange.takesLong();
        ConnectStream stream = new ConnectStream(exchange);
        try (InputStream body = exchange.bodyStream()) {
            processService.streamInput(body, session);
        } catch (RuntimeException e) {
            stream.end(reported(e, "StreamInput"));
            return;
        }
        stream.send("{}");
        stream.end();
    }

    private static ConnectError reported(RuntimeException failure, String method) {
        ConnectError error = ConnectError.from(failure);
        if (error.code() == ConnectError.Code.INTERNAL && !(failure instanceof ConnectError)) {
            log.warn("envd call {} failed", method, failure);
        }
        return error;
    }

    private static JsonRequest parse(byte[] body) {
        try {
            return JsonRequest.parse(body);
        } catch (HttpError e) {
            throw ConnectError.invalid(e.text());
        }
    }

    private void files(Exchange exchange, Sandbox sandbox) throws IOException {
        String path = exchange.query("path").orElse("");
        String username = exchange.query("username").orElse("");
        boolean write = exchange.method().equals("POST");
        if (!write && !exchange.method().equals("GET") && !exchange.method().equals("HEAD")) {
            throw new E2bError(405, "files are read with GET and written with POST");
        }
        signatures.check(
                exchange, sandboxes.settings().tokenKey().envd(sandbox.id()), path, username, write ? "write" : "read");
        try {
            if (write) {
                uploads.upload(exchange, session(sandbox), path, username);
            } else {
                downloads.download(exchange, session(sandbox), path, username);
            }
        } catch (ConnectError e) {
            throw new E2bError(e.httpStatus(), String.valueOf(e.getMessage()));
        }
    }

    private void authorize(Exchange exchange, Sandbox sandbox) {
        String sent = exchange.header("X-Access-Token");
        if (!TokenKey.same(sent, sandboxes.settings().tokenKey().envd(sandbox.id()))) {
            throw new E2bError(
                    401, "unauthorized access, please provide a valid access token or method signing if supported");
        }
    }

    private void metrics(Exchange exchange, Sandbox sandbox) {
        VmStats stats = sandboxes.manager().stats(sandbox.id());
        double promised = sandbox.vm().descriptor().spec().resources().cpuMillis() / 1000.0;
        exchange.json(200, g -> {
            g.writeStartObject();
            g.writeNumberProperty("ts", stats.at().getEpochSecond());
            g.writeNumberProperty("cpu_count", sandbox.template().cpuCount());
            g.writeNumberProperty("cpu_used_pct", Math.round(stats.cpuCores() / promised * 10_000) / 100.0);
            g.writeNumberProperty("mem_total", stats.machine().memoryLimitBytes());
            g.writeNumberProperty("mem_total_mib", stats.machine().memoryLimitBytes() >> 20);
            g.writeNumberProperty("mem_used", stats.machine().memoryBytes());
            g.writeNumberProperty("mem_used_mib", stats.machine().memoryBytes() >> 20);
            g.writeNumberProperty("mem_cache", 0);
            g.writeNumberProperty("disk_used", stats.machine().diskUsedBytes());
            g.writeNumberProperty("disk_total", stats.machine().diskTotalBytes());
            g.writeEndObject();
        });
    }

    private static void envs(Exchange exchange, Sandbox sandbox) {
        exchange.json(200, g -> {
            g.writeStartObject();
            sandbox.vm().descriptor().spec().env().forEach(g::writeStringProperty);
            g.writeEndObject();
        });
    }

    private static void preflight(Exchange exchange) {
        exchange.header("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS");
        exchange.header(
                "Access-Control-Allow-Headers",
                Optional.of(exchange.header("Access-Control-Request-Headers"))
                        .filter(h -> !h.isEmpty())
                        .orElse("*"));
        exchange.header("Access-Control-Max-Age", "7200");
        exchange.empty(204);
    }

    private Session session(Sandbox sandbox) {
        Session known = sessions.get(sandbox.id());
        if (known != null) {
            return known;
        }
        if (sinceSweep.incrementAndGet() % SWEEP_EVERY == 0) {
            sweep();
        }
        return sessions.computeIfAbsent(sandbox.id(), id -> new Session(id, sandboxes.manager(), since));
    }

    /** Forgets the sandboxes that have ended meanwhile. */
    private void sweep() {
        for (Map.Entry<String, Session> entry : List.copyOf(sessions.entrySet())) {
            if (sandboxes.find(entry.getKey()).isEmpty() && sessions.remove(entry.getKey(), entry.getValue())) {
                entry.getValue().close();
            }
        }
    }
}
