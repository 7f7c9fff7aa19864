package dev.tinyvm.e2b.code;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.Sandbox;
import dev.tinyvm.e2b.Sandboxes;
import dev.tinyvm.e2b.TokenKey;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.JsonRequest;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JsonGenerator;

/**
 * Port 49999 of sandboxes whose template is a code interpreter: contexts, and cells whose output is streamed as lines of JSON. As with envd nothing listens in the
 * sandbox: kernels are commands which the door starts there when they are needed.
 */
public final class CodeApi implements AutoCloseable {
    /** The port that the SDKs use. */
    public static final int PORT = 49999;

    private static final String HOME = "/home/user";
    private static final int MAX_CONTEXTS = 64;
    private static final int MAX_BODY_BYTES = 16 << 20;
    private static final int SWEEP_ABOVE = 64;

    private static final Logger log = LoggerFactory.getLogger(CodeApi.class);
    private static final int SIGKILL = 9;

    private final Sandboxes sandboxes;
    private final Instant since = Instant.now();
    private final Map<String, Map<String, CodeContext>> contexts = new ConcurrentHashMap<>();

    public CodeApi(Sandboxes sandboxes) {
        this.sandboxes = sandboxes;
    }

    /** Answers, or throws what {@link E2bError#from} understands. */
    public void serve(Exchange exchange, Sandbox sandbox) throws IOException, InterruptedException {
        if (!sandbox.network().publicTraffic()
                && !TokenKey.same(
                        exchange.header("e2b-traffic-access-token"),
                        sandboxes.settings().tokenKey().traffic(sandbox.id()))) {
            throw new E2bError(403, "this sandbox is not public: send its traffic access token");
        }
        List<String> path = List.of(exchange.path().substring(1).split("/", -1));
        String what = exchange.method() + " " + path.getFirst() + (path.size() > 2 ? " " + path.get(2) : "");
        switch (what) {
            case "GET health" -> exchange.text("OK");
            case "POST execute" -> execute(exchange, sandbox);
            case "GET contexts" -> list(exchange, sandbox);
            case "POST contexts" -> create(exchange, sandbox);
            case "DELETE contexts" -> {
                CodeContext context = find(sandbox, path);
                of(sandbox).remove(context.id());
                context.restart();
                exchange.empty(204);
            }
            case "POST contexts restart" -> {
                find(sandbox, path).restart();
                exchange.empty(204);
            }
            default -> throw new E2bError(404, "the code interpreter has nothing at " + exchange.path());
        }
    }

    /** Ends the kernels that an earlier manager left: what they held cannot be reached any more, their memory can be used again. */
    public void endOrphans() {
        for (Sandbox sandbox : sandboxes.all()) {
            if (!sandbox.template().codeInterpreter() || sandbox.paused()) {
                continue;
            }
            try {
                for (ProcessInfo process : sandboxes.manager().processes(sandbox.id())) {
                    if (process.running()
                            && process.tag().equals(Kernel.TAG)
                            && process.startedAt().isBefore(since)) {
                        sandboxes.manager().signal(sandbox.id(), process.processId(), SIGKILL);
                    }
                }
            } catch (ManagerException | EngineException e) {
                log.debug("did not end the old kernels of sandbox {}", sandbox.id(), e);
            }
        }
    }

    @Override
    public void close() {
        contexts.values().forEach(all -> all.values().forEach(CodeContext::restart));
        contexts.clear();
    }

    private void execute(Exchange exchange, Sandbox sandbox) throws IOException, InterruptedException {
        if (!TokenKey.same(
                exchange.header("X-Access-Token"),
                sandboxes.settings().tokenKey().envd(sandbox.id()))) {
            throw new E2bError(401, "running code needs the sandbox's access token in X-Access-Token");
        }
        JsonRequest request = JsonRequest.parse(exchange.body(MAX_BODY_BYTES));
        String code = request.requiredText("code");
        String id = request.text("context_id", "");
        CodeContext context =
                id.isEmpty() ? standard(sandbox, Language.of(request.text("language", ""))) : context(sandbox, id);
        Map<String, String> env = request.textMap("env_vars");
        OutputStream out = new BufferedOutputStream(exchange.stream(200, "application/x-ndjson"));
        context.execute(code, env, out);
        out.flush();
    }

    private void create(Exchange exchange, Sandbox sandbox) {
        JsonRequest request = JsonRequest.parse(exchange.body(MAX_BODY_BYTES));
        Language language = Language.of(request.text("language", ""));
        Map<String, CodeContext> all = of(sandbox);
        if (all.size() >= MAX_CONTEXTS) {
            throw new E2bError(429, "a sandbox has at most " + MAX_CONTEXTS + " code contexts; remove one");
        }
        String cwd = request.text("cwd", "");
        CodeContext context = new CodeContext(
                UUID.randomUUID().toString(), sandboxes.manager(), sandbox.id(), language, cwd.isEmpty() ? HOME : cwd);
        all.put(context.id(), context);
        exchange.json(200, g -> describe(g, context));
    }

    private void list(Exchange exchange, Sandbox sandbox) {
        standard(sandbox, Language.PYTHON);
        List<CodeContext> all = List.copyOf(of(sandbox).values());
        exchange.json(200, g -> {
            g.writeStartArray();
            all.forEach(context -> describe(g, context));
            g.writeEndArray();
        });
    }

    private CodeContext find(Sandbox sandbox, List<String> path) {
        if (path.size() < 2) {
            throw new E2bError(405, "name the context: /contexts/<id>");
        }
        return context(sandbox, path.get(1));
    }

    private CodeContext context(Sandbox sandbox, String id) {
        CodeContext context = of(sandbox).get(id);
        if (context == null) {
            throw new E2bError(404, "Context " + id + " not found");
        }
        return context;
    }

    /** The one that cells run in which name none; its id is the language's name. */
    private CodeContext standard(Sandbox sandbox, Language language) {
        return of(sandbox)
                .computeIfAbsent(
                        language.word(), id -> new CodeContext(id, sandboxes.manager(), sandbox.id(), language, HOME));
    }

    private Map<String, CodeContext> of(Sandbox sandbox) {
        if (contexts.size() > SWEEP_ABOVE && !contexts.containsKey(sandbox.id())) {
            contexts.keySet().removeIf(id -> sandboxes.find(id).isEmpty());
        }
        return contexts.computeIfAbsent(sandbox.id(), id -> new ConcurrentHashMap<>());
    }

    private static void describe(JsonGenerator g, CodeContext context) {
        g.writeStartObject();
        g.writeStringProperty("id", context.id());
        g.writeStringProperty("language", context.language().word());
        g.writeStringProperty("cwd", context.workingDir());
        g.writeEndObject();
    }
}
