package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class AllowanceTest {
    private static final String BODY = "{\"model\":\"m1\",\"messages\":[]}";
    private static final long ANY = Allowance.UNLIMITED;

    private static GatewayFixture gateway(ScriptedProvider provider, Dialect dialect, Allowance allowance)
            throws Exception {
        return new GatewayFixture(
                GatewayFixture.config(GatewayFixture.provider("main", dialect, provider.url())),
                caller -> List.of(Allowance.unlimited("key:" + caller.key()), allowance),
                TapeSource.NONE);
    }

    private static Allowance budget(long requests, long tokens, long nanoUsd) {
        return new Allowance("agent:researcher", List.of(new Glob("*")), ANY, ANY, requests, tokens, nanoUsd);
    }

    @Test
    void aSpentBudgetStopsInTheProvidersOwnShape() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = gateway(provider, Dialect.OPENAI, budget(ANY, 30, ANY))) {
            assertThat(gateway.post("/v1/chat/completions", BODY).statusCode()).isEqualTo(200);
            assertThat(gateway.post("/v1/chat/completions", BODY).statusCode()).isEqualTo(200);
            var third = gateway.post("/v1/chat/completions", BODY);
            assertThat(third.statusCode()).isEqualTo(429);
            assertThat(third.body()).contains("insufficient_quota").contains("30 of 30 tokens");
            assertThat(third.headers().firstValue("x-should-retry")).contains("false");
            assertThat(provider.seen()).hasSize(2);
            assertThat(gateway.spending.spent("agent:researcher")).isEqualTo(new Spending.Spent(2, 30, 40_000));
            assertThat(gateway.spending.spent("key:ci").requests()).isEqualTo(2);
        }
    }

    @Test
    void aBudgetInMoneyStopsAndNeedsAPrice() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = gateway(provider, Dialect.ANTHROPIC, budget(ANY, ANY, 20_000))) {
            assertThat(gateway.post("/v1/messages", BODY).statusCode()).isEqualTo(200);
            assertThat(gateway.post("/v1/messages", BODY).body()).contains("rate_limit_error");
            var unpriced = gateway.post("/v1/messages", "{\"model\":\"other\"}");
            assertThat(unpriced.statusCode()).isEqualTo(403);
            assertThat(unpriced.body()).contains("llm.prices");
        }
    }

    @Test
    void parallelCallsCannotPassABudgetOfRequests() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = gateway(provider, Dialect.OPENAI, budget(7, ANY, ANY));
                var pool = Executors.newVirtualThreadPerTaskExecutor()) {
            AtomicInteger answered = new AtomicInteger();
            var all = java.util.stream.IntStream.range(0, 50)
                    .mapToObj(i -> pool.submit(() -> {
                        if (gateway.post("/v1/chat/completions", BODY).statusCode() == 200) {
                            answered.incrementAndGet();
                        }
                        return i;
                    }))
                    .toList();
            for (var each : all) {
                each.get();
            }
            assertThat(answered.get()).isEqualTo(7);
            assertThat(provider.seen()).hasSize(7);
        }
    }

    @Test
    void fiftyCallsOvershootABudgetByThoseInFlightAtMost() throws Exception {
        int atOnce = 5;
        long budget = 100;
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = gateway(provider, Dialect.OPENAI, budget(ANY, budget, ANY));
                var pool = Executors.newFixedThreadPool(atOnce)) {
            var all = java.util.stream.IntStream.range(0, 50)
                    .mapToObj(i -> pool.submit(
                            () -> gateway.post("/v1/chat/completions", BODY).statusCode()))
                    .toList();
            int answered = 0;
            for (var each : all) {
                int status = each.get();
                assertThat(status).isIn(200, 429);
                answered += status == 200 ? 1 : 0;
            }
            long spent = gateway.spending.spent("agent:researcher").tokens();
            // Fifteen tokens a call.
            assertThat(spent).isEqualTo(answered * 15L).isBetween(budget, budget + (atOnce - 1) * 15L + 14);
            assertThat(provider.seen()).hasSize(answered);
        }
    }

    @Test
    void aModelThatIsNotAllowedIsRefused() throws Exception {
        Allowance narrow = new Allowance("agent:researcher", List.of(new Glob("tiny-*")), ANY, ANY, ANY, ANY, ANY);
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = gateway(provider, Dialect.OPENAI, narrow)) {
            assertThat(gateway.post("/v1/chat/completions", BODY).statusCode()).isEqualTo(403);
            assertThat(provider.seen()).isEmpty();
        }
    }

    @Test
    void aRateIsPaidOffWithTime() {
        AtomicLong now = new AtomicLong();
        Spending spending = new Spending(now::get);
        Allowance two = new Allowance("agent:a", List.of(new Glob("*")), 2, ANY, ANY, ANY, ANY);
        spending.begin(List.of(two));
        spending.begin(List.of(two));
        assertThat(refused(spending, two)).isEqualTo(30);
        now.addAndGet(30_000_000_000L);
        spending.begin(List.of(two));
        assertThat(refused(spending, two)).isEqualTo(30);
        assertThat(spending.spent("agent:a").requests()).isEqualTo(3);
    }

    private static long refused(Spending spending, Allowance allowance) {
        try {
            spending.begin(List.of(allowance));
            return 0;
        } catch (dev.tinyvm.llm.wire.LlmException e) {
            return e.retryAfterSeconds();
        }
    }
}
