package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.http.LlmRequest;
import dev.tinyvm.llm.tape.Tape;
import dev.tinyvm.llm.translate.TokenEstimate;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.ErrorShape;
import dev.tinyvm.llm.wire.JsonScan;
import dev.tinyvm.llm.wire.LlmException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Everything between an agent and its model. A door hands it a request and a place for the answer; the gateway decides whether the caller may, which provider is asked,
 * adds the key, passes the bytes on as they arrive, and counts.
 *
 * <p>Thread-safe; each call runs, blocking, on the thread that brings it. Neither keys nor bodies are logged.
 */
public final class Gateway implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Gateway.class);
    private static final Set<String> WANTED = Set.of("model", "stream", "stream_options");

    private final GatewayConfig config;
    private final Map<String, Upstream> upstreams = new HashMap<>();
    private final ProviderModels models = new ProviderModels(upstreams);
    private final Allowance.Source allowances;
    private final Spending spending;
    private final UsageListener usage;
    private final WaitListener waits;
    private final TapeSource tapes;
    private final List<AutoCloseable> owned;

    /**
     * Ready at once; connections are opened when they are needed.
     *
     * @param allowances what callers may use
     * @param spending what they have used
     * @param usage hears what each call used
     * @param waits hears when a caller waits
     * @param tapes whose exchanges are recorded or replayed
     */
    public Gateway(
            GatewayConfig config,
            Allowance.Source allowances,
            Spending spending,
            UsageListener usage,
            WaitListener waits,
            TapeSource tapes) {
        this(config, allowances, spending, usage, waits, tapes, List.of());
    }

    Gateway(
            GatewayConfig config,
            Allowance.Source allowances,
            Spending spending,
            UsageListener usage,
            WaitListener waits,
            TapeSource tapes,
            List<AutoCloseable> owned) {
        this.owned = List.copyOf(owned);
        this.config = config;
        this.allowances = allowances;
        this.spending = spending;
        this.usage = usage;
        this.waits = waits;
        this.tapes = tapes;
        for (Provider provider : config.providers()) {
            upstreams.put(provider.name(), new Upstream(provider));
        }
    }

    /**
     * Answers one request, with an error in the client's dialect when it must.
     *
     * @throws IOException the client can no longer be reached
     */
    public void handle(LlmRequest request, Caller caller, Answer answer) throws IOException {
        handle(request, caller, answer, tapes);
    }

    /** As {@link #handle(LlmRequest, Caller, Answer)}, recorded or replayed as this says. */
    public void handle(LlmRequest request, Caller caller, Answer answer, TapeSource tape) throws IOException {
        GuardedAnswer guarded = new GuardedAnswer(answer);
        CallThread thread = new CallThread();
        try {
            serve(request, caller, guarded, thread, tape);
        } catch (LlmException e) {
            thread.finish();
            fail(guarded, request, e);
        } catch (InterruptedException e) {
            guarded.abort();
            if (!thread.isGone()) {
                Thread.currentThread().interrupt();
            }
        } catch (RuntimeException e) {
            thread.finish();
            log.warn("a call of vm '{}' to {} failed in the gateway", caller.vm(), request.path(), e);
            fail(
                    guarded,
                    request,
                    new LlmException(LlmException.Kind.INTERNAL, "the gateway failed; its log tells more"));
        } finally {
            thread.finish();
        }
    }

    /** Breaks off what is running. */
    @Override
    public void close() {
        upstreams.values().forEach(Upstream::close);
        for (AutoCloseable each : owned) {
            try {
                each.close();
            } catch (Exception e) {
                log.warn("a scripted provider did not close: {}", e.getMessage());
            }
        }
    }

    private void serve(LlmRequest request, Caller caller, GuardedAnswer answer, CallThread thread, TapeSource source)
            throws IOException, InterruptedException {
        Endpoint endpoint = Endpoint.of(request);
        byte[] body = body(request);
        Optional<Tape> tape = source.of(caller);
        if (tape.isPresent()) {
            LlmRequest whole = new LlmRequest(
                    request.method(), request.target(), request.headers(), new ByteArrayInputStream(body));
            switch (tape.get()) {
                case Tape.Replaying replaying -> {
                    replaying.answer(whole, body, answer);
                    return;
                }
                case Tape.Recording recording -> {
                    Answer recorded = recording.record(whole, body, answer);
                    call(endpoint, whole, body, caller, new GuardedAnswer(recorded), thread);
                    return;
                }
            }
        }
        call(endpoint, request, body, caller, answer, thread);
    }

    private void call(
            Endpoint endpoint, LlmRequest request, byte[] body, Caller caller, GuardedAnswer answer, CallThread thread)
            throws IOException, InterruptedException {
        try {
            if (endpoint.operation() == Endpoint.Operation.MODELS) {
                ModelList.answer(config, models, endpoint, allowances.of(caller), answer);
            } else {
                CallPlan plan = plan(endpoint, body, caller);
                if (plan.targets().isEmpty()) {
                    estimate(endpoint, body, answer);
                } else {
                    call(plan, request, caller, answer, thread);
                }
            }
        } catch (LlmException e) {
            // Here, so that a recording has the error too.
            thread.finish();
            fail(answer, request, e);
        } catch (InterruptedException | IOException e) {
            answer.abort();
            throw e;
        }
    }

    private void call(CallPlan plan, LlmRequest request, Caller caller, GuardedAnswer answer, CallThread thread)
            throws IOException, InterruptedException {
        if (plan.endpoint().operation() != Endpoint.Operation.COUNT_TOKENS) {
            spending.begin(plan.allowances());
        }
        answer.whenGone(thread::clientGone);
        waits.callBegan(caller);
        try {
            new CallRun(plan, request, caller, answer, thread, spending, usage, waits).run();
        } finally {
            waits.callEnded(caller);
        }
    }

    /** No provider of the model counts tokens: OpenAI's dialect has no such call for a chat. Its header says that this is a guess. */
    private static void estimate(Endpoint endpoint, byte[] body, Answer answer) throws IOException {
        byte[] told = TokenEstimate.answer(endpoint.dialect(), body);
        answer.begin(
                200,
                Headers.of(
                        "Content-Type",
                        "application/json",
                        "Content-Length",
                        Integer.toString(told.length),
                        "X-TinyVM-Estimated",
                        "true"));
        answer.write(told, 0, told.length);
        answer.end();
    }

    private CallPlan plan(Endpoint endpoint, byte[] body, Caller caller) {
        Map<String, JsonScan.Span> members = JsonScan.members(body, WANTED);
        String model = endpoint.model();
        JsonScan.Span named = members.get("model");
        if (model.isEmpty() && named != null) {
            model = JsonScan.string(body, named);
        }
        if (model.isEmpty()) {
            throw new LlmException(LlmException.Kind.INVALID, "the request names no model; set \"model\" to a string");
        }
        String wanted = model;
        List<Allowance> scopes = allowances.of(caller);
        for (Allowance allowance : scopes) {
            if (allowance.models().stream().noneMatch(glob -> glob.matches(wanted))) {
                throw new LlmException(
                        LlmException.Kind.FORBIDDEN,
                        allowance.scope() + " may not use the model '" + wanted
                                + "'; its descriptor lists those it may");
            }
        }
        Route route = config.route(wanted)
                .orElseThrow(() -> new LlmException(
                        LlmException.Kind.NOT_FOUND,
                        "no route leads to the model '" + wanted
                                + "'; add one under llm.routes in the manager's configuration"));
        List<CallPlan.Target> targets = new ArrayList<>(route.targets().size());
        for (Route.Target target : route.targets()) {
            target(endpoint, target, wanted).ifPresent(targets::add);
        }
        if (targets.isEmpty() && endpoint.operation() != Endpoint.Operation.COUNT_TOKENS) {
            throw new LlmException(
                    LlmException.Kind.INVALID,
                    "the model '" + wanted + "' is with a provider that has nothing like " + endpoint.name()
                            + "; use a model of a provider that speaks "
                            + (endpoint.operation() == Endpoint.Operation.EMBEDDINGS
                                    ? "OpenAI or Gemini"
                                    : endpoint.dialect().label()));
        }
        boolean money = scopes.stream().anyMatch(allowance -> allowance.nanoUsd() != Allowance.UNLIMITED);
        for (CallPlan.Target target : targets) {
            if (money && target.price().isEmpty()) {
                throw new LlmException(
                        LlmException.Kind.FORBIDDEN,
                        "the model '" + target.model() + "' has no price, so a budget in money could not be kept;"
                                + " add it under llm.prices in the manager's configuration");
            }
        }
        boolean streams = endpoint.verb().startsWith("stream")
                || (members.containsKey("stream") && JsonScan.isTrue(body, members.get("stream")));
        return new CallPlan(endpoint, wanted, body, members, streams, targets, scopes);
    }

    private Optional<CallPlan.Target> target(Endpoint endpoint, Route.Target target, String wanted) {
        Upstream upstream = upstreams.get(target.provider());
        if (upstream == null) {
            throw new IllegalStateException("no provider " + target.provider());
        }
        String model = target.model().isEmpty() ? wanted : target.model();
        return CallPlan.target(endpoint, upstream, model, config.price(target.provider(), model));
    }

    private byte[] body(LlmRequest request) throws IOException {
        int most = config.maxRequestBytes();
        byte[] body = request.body().readNBytes(announced(request, most));
        if (body.length == most && request.body().read() >= 0) {
            throw new LlmException(
                    LlmException.Kind.TOO_LARGE, "the request is larger than " + (most >> 20) + " MiB; send less");
        }
        return body;
    }

    /** What its head says, so that no larger buffer is made; else the most that is allowed. */
    private static int announced(LlmRequest request, int most) {
        String length = request.headers().first("Content-Length").orElse("");
        return length.isEmpty() || length.length() > 9 || !length.chars().allMatch(c -> c >= '0' && c <= '9')
                ? most
                : Math.min(most, Integer.parseInt(length));
    }

    private static void fail(GuardedAnswer answer, LlmRequest request, LlmException error) throws IOException {
        Dialect dialect = Endpoint.dialect(request);
        if (!answer.hasBegun()) {
            ErrorShape.answer(answer, dialect, error);
            return;
        }
        try {
            if (answer.isAtEventEnd()) {
                byte[] event = ErrorShape.event(dialect, Endpoint.isResponses(request), error);
                answer.write(event, 0, event.length);
            }
        } finally {
            answer.abort();
        }
    }
}
