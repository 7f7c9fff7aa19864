package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.http.LlmRequest;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.IncludeUsage;
import dev.tinyvm.llm.wire.LlmException;
import dev.tinyvm.llm.wire.SseEvents;
import dev.tinyvm.llm.wire.Usage;
import dev.tinyvm.llm.wire.UsageTap;
import java.io.IOException;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One call on its way through its targets. The head of an answer is held until the first byte of its body is there: until then another attempt is possible, afterwards
 * none is made.
 */
final class CallRun {
    private static final Logger log = LoggerFactory.getLogger(CallRun.class);

    /** Between two words on how far an answer is, for those who would bill it if this process were killed. */
    private static final long PROGRESS_NANOS = 250_000_000;

    private final CallPlan plan;
    private final LlmRequest request;
    private final Caller caller;
    private final GuardedAnswer answer;
    private final CallThread thread;
    private final Spending spending;
    private final UsageListener usageListener;
    private final WaitListener waits;
    private final Instant began = Instant.now();
    private final long beganNanos = System.nanoTime();
    private long firstByteNanos;
    private UsageListener.@Nullable Ongoing ongoing;
    private long toldNanos;
    private LlmException trouble = new LlmException(LlmException.Kind.UPSTREAM, "no provider was asked");

    CallRun(
            CallPlan plan,
            LlmRequest request,
            Caller caller,
            GuardedAnswer answer,
            CallThread thread,
            Spending spending,
            UsageListener usageListener,
            WaitListener waits) {
        this.plan = plan;
        this.request = request;
        this.caller = caller;
        this.answer = answer;
        this.thread = thread;
        this.spending = spending;
        this.usageListener = usageListener;
        this.waits = waits;
    }

    /** @throws LlmException no target answered */
    void run() throws IOException, InterruptedException {
        for (int i = 0; i < plan.targets().size(); i++) {
            if (ask(plan.targets().get(i), i == plan.targets().size() - 1)) {
                return;
            }
        }
        sayFirstByte();
        throw trouble;
    }

    private boolean ask(CallPlan.Target target, boolean last) throws IOException, InterruptedException {
        Provider provider = target.upstream().provider();
        Semaphore slots = target.upstream().slots();
        if (!slots.tryAcquire() && !slots.tryAcquire(provider.timeouts().queue().toNanos(), TimeUnit.NANOSECONDS)) {
            trouble = new LlmException(
                    LlmException.Kind.BUSY,
                    "provider '" + provider.name() + "' has " + provider.maxConcurrent()
                            + " calls running; try again later");
            return false;
        }
        try {
            byte[] body = plan.body(target);
            begin(target, body.length);
            Duration delay = provider.retry().firstDelay();
            for (int attempt = 1; ; attempt++) {
                boolean lastAttempt = attempt >= provider.retry().attempts();
                Outcome outcome = attemptOrLeave(target, body, last, lastAttempt);
                if (outcome.done()) {
                    return true;
                }
                if (lastAttempt || !outcome.again()) {
                    return false;
                }
                Duration wait = outcome.retryAfter().orElse(jitter(delay));
                log.info("provider '{}': {}; attempt {} follows", provider.name(), trouble.text(), attempt + 1);
                Thread.sleep(wait);
                delay = min(delay.multipliedBy(2), provider.retry().maxDelay());
            }
        } finally {
            slots.release();
            UsageListener.Ongoing open = ongoing;
            ongoing = null;
            if (open != null) {
                open.dropped();
            }
        }
    }

    /** From here on the provider may charge for it, and a process that is killed can tell nobody. */
    private void begin(CallPlan.Target target, int requestBytes) {
        if (isCharged()) {
            Usage prompt = new UsageTap(true, requestBytes, generates()).usage();
            ongoing = usageListener.began(caller, target.model(), prompt, cost(target, prompt));
            toldNanos = System.nanoTime();
        }
    }

    private void tellProgress(CallPlan.Target target, UsageTap tap) {
        long now = System.nanoTime();
        UsageListener.Ongoing open = ongoing;
        if (open != null && now - toldNanos > PROGRESS_NANOS) {
            toldNanos = now;
            Usage soFar = tap.usage();
            open.progress(soFar, cost(target, soFar));
        }
    }

    private boolean isCharged() {
        return plan.endpoint().operation() != Endpoint.Operation.COUNT_TOKENS;
    }

    private static long cost(CallPlan.Target target, Usage usage) {
        return target.price().map(price -> price.nanoUsd(usage)).orElse(0L);
    }

    /** What became of an attempt. */
    private record Outcome(boolean done, boolean again, Optional<Duration> retryAfter) {
        static final Outcome DONE = new Outcome(true, false, Optional.empty());
        static final Outcome AGAIN = new Outcome(false, true, Optional.empty());
        static final Outcome NEXT = new Outcome(false, false, Optional.empty());
    }

    /** A client that leaves while the provider works pays for its prompt. */
    private Outcome attemptOrLeave(CallPlan.Target target, byte[] body, boolean lastTarget, boolean lastHere)
            throws IOException, InterruptedException {
        try {
            return attempt(target, body, lastTarget, lastHere);
        } catch (InterruptedException e) {
            if (firstByteNanos == 0) {
                firstByteNanos = System.nanoTime();
                settle(target, 0, new UsageTap(true, body.length, generates()), false);
            }
            throw e;
        }
    }

    private Outcome attempt(CallPlan.Target target, byte[] body, boolean lastTarget, boolean lastHere)
            throws IOException, InterruptedException {
        Provider provider = target.upstream().provider();
        Duration firstByte = provider.timeouts().firstByte();
        long deadline = System.nanoTime() + firstByte.toNanos();
        String path = plan.target(target, request.path(), request.query());
        Headers headers = target.translation().isPresent() ? foreign(request.headers()) : request.headers();
        Upstream.Reply reply;
        byte[] first;
        try {
            reply = target.upstream().send(target.dialect(), request.method(), path, headers, body, firstByte);
        } catch (HttpTimeoutException e) {
            return timedOut(provider);
        } catch (IOException e) {
            return broken(provider, e);
        }
        try (reply) {
            if (isRefusal(reply.status())) {
                trouble = new LlmException(
                        LlmException.Kind.UPSTREAM, "provider '" + provider.name() + "' answered " + reply.status());
                Optional<Duration> after = retryAfter(reply.headers());
                boolean tooLong = after.isPresent()
                        && after.get().compareTo(provider.retry().maxDelay()) > 0;
                boolean finalAnswer = lastTarget && (lastHere || tooLong);
                if (!finalAnswer) {
                    return new Outcome(false, !tooLong, after);
                }
            }
            try {
                first = reply.body().next(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
            } catch (HttpTimeoutException e) {
                return timedOut(provider);
            } catch (IOException e) {
                return broken(provider, e);
            }
            deliver(target, reply, first, body.length);
            return Outcome.DONE;
        }
    }

    private Outcome timedOut(Provider provider) {
        trouble = new LlmException(
                LlmException.Kind.TIMEOUT,
                "provider '" + provider.name()
                        + "' did not answer within its time limit; raise its timeouts or route elsewhere");
        return Outcome.NEXT;
    }

    private Outcome broken(Provider provider, IOException cause) throws InterruptedException {
        if (thread.isGone()) {
            throw new InterruptedException();
        }
        log.debug("provider '{}' could not be asked: {}", provider.name(), reason(cause));
        trouble = new LlmException(
                LlmException.Kind.UPSTREAM, "provider '" + provider.name() + "' could not be asked: " + reason(cause));
        return Outcome.AGAIN;
    }

    private void deliver(CallPlan.Target target, Upstream.Reply reply, byte @Nullable [] first, int requestBytes)
            throws IOException, InterruptedException {
        boolean events = reply.headers().mediaType().equals("text/event-stream");
        boolean filter = events && plan.asksForUsage() && reply.status() == 200 && !clientAskedForUsage();
        UsageTap tap = new UsageTap(events, requestBytes, generates());
        boolean settled = false;
        try {
            sayFirstByte();
            if (target.translation().isPresent()) {
                boolean told = plan.endpoint().dialect() != Dialect.OPENAI || clientAskedForUsage();
                TranslatedAnswer translated =
                        new TranslatedAnswer(answer, plan, target.translation().get(), reply, events, !told);
                byte[] piece = first;
                while (piece != null) {
                    byte[] part = piece;
                    pass(target, tap, part, events, () -> translated.write(part));
                    piece = next(reply, target.upstream().provider());
                }
                settled = true;
                settle(target, reply.status(), tap, true);
                translated.end();
                return;
            }
            answer.begin(reply.status(), filter ? reply.headers().without(Set.of("content-length")) : reply.headers());
            SseEvents splitter = new SseEvents();
            long left = filter
                    ? -1
                    : reply.headers()
                            .first("Content-Length")
                            .map(Long::parseLong)
                            .orElse(-1L);
            byte[] piece = first;
            while (piece != null) {
                byte[] part = piece;
                left -= part.length;
                if (left == 0) {
                    // Its client knows that this is the last part, and may call again at once.
                    tap.feed(part, 0, part.length);
                    settled = true;
                    settle(target, reply.status(), tap, true);
                    answer.write(part, 0, part.length);
                } else if (filter) {
                    pass(target, tap, part, true, () -> splitter.feed(part, 0, part.length, this::withoutUsage));
                } else {
                    pass(target, tap, part, events, () -> answer.write(part, 0, part.length));
                }
                piece = next(reply, target.upstream().provider());
            }
            if (filter) {
                byte[] rest = splitter.rest();
                answer.write(rest, 0, rest.length);
            }
            if (!settled) {
                // Before the end is told, so that the client's next call finds the account up to date.
                settled = true;
                settle(target, reply.status(), tap, true);
            }
            answer.end();
        } finally {
            if (!settled) {
                settle(target, reply.status(), tap, false);
            }
        }
    }

    private interface Passing {
        void run() throws IOException;
    }

    /** A part goes on before it is counted, so that counting delays nothing; it is counted, too, when its client has gone. */
    private void pass(CallPlan.Target target, UsageTap tap, byte[] part, boolean events, Passing on)
            throws IOException {
        try {
            on.run();
        } finally {
            tap.feed(part, 0, part.length);
            if (events) {
                tellProgress(target, tap);
            }
        }
    }

    private byte @Nullable [] next(Upstream.Reply reply, Provider provider) throws InterruptedException {
        try {
            return reply.body().next(provider.timeouts().idle());
        } catch (HttpTimeoutException e) {
            throw new LlmException(
                    LlmException.Kind.TIMEOUT,
                    "provider '" + provider.name() + "' fell silent for "
                            + provider.timeouts().idle().toSeconds() + " s within its answer");
        } catch (IOException e) {
            throw new LlmException(
                    LlmException.Kind.UPSTREAM, "provider '" + provider.name() + "' broke off within its answer");
        }
    }

    private void withoutUsage(byte[] bytes, int start, int end) throws IOException {
        IncludeUsage.remove(bytes, start, end, (kept, from, to) -> answer.write(kept, from, to - from));
    }

    private boolean generates() {
        return plan.endpoint().operation() != Endpoint.Operation.EMBEDDINGS;
    }

    private boolean clientAskedForUsage() {
        return IncludeUsage.isAsked(plan.body(), plan.members());
    }

    private void settle(CallPlan.Target target, int status, UsageTap tap, boolean complete) {
        boolean charged = (status == 0 || status / 100 == 2) && isCharged();
        Usage used = charged ? tap.usage() : Usage.NONE;
        long nanoUsd = cost(target, used);
        spending.settle(plan.allowances(), used.totalTokens(), nanoUsd);
        long now = System.nanoTime();
        UsageListener.Call call = new UsageListener.Call(
                caller,
                target.upstream().provider().name(),
                target.model(),
                status,
                used,
                nanoUsd,
                target.price().isPresent(),
                complete,
                began,
                Duration.ofNanos(firstByteNanos - beganNanos),
                Duration.ofNanos(now - beganNanos));
        UsageListener.Ongoing open = ongoing;
        ongoing = null;
        if (open != null) {
            open.ended(call);
        } else {
            usageListener.used(call);
        }
    }

    private void sayFirstByte() {
        if (firstByteNanos == 0) {
            firstByteNanos = System.nanoTime();
            waits.firstByte(caller);
        }
    }

    /** Without what only the client's own kind of provider understands. */
    private static Headers foreign(Headers headers) {
        List<Headers.Field> kept = new ArrayList<>();
        for (Headers.Field field : headers) {
            String name = field.name().toLowerCase(Locale.ROOT);
            if (!name.startsWith("anthropic-") && !name.startsWith("openai-") && !name.startsWith("x-goog-")) {
                kept.add(field);
            }
        }
        return Headers.of(kept);
    }

    private static boolean isRefusal(int status) {
        return status == 429 || status >= 500;
    }

    private static Optional<Duration> retryAfter(Headers headers) {
        String text = headers.first("retry-after").orElse("");
        if (text.isEmpty() || text.length() > 9 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        return Optional.of(Duration.ofSeconds(Long.parseLong(text)));
    }

    private static Duration jitter(Duration delay) {
        return delay.plusNanos(ThreadLocalRandom.current().nextLong(Math.max(1, delay.toNanos() / 4)));
    }

    private static Duration min(Duration a, Duration b) {
        return a.compareTo(b) < 0 ? a : b;
    }

    private static String reason(IOException cause) {
        String message = cause.getMessage();
        return message == null ? cause.getClass().getSimpleName() : message;
    }
}
