package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.script.Script;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.spec.LlmConfig;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The configuration with what it points to: keys and scripts. Read while the manager is still root; {@link #open} then needs no file that only root may read.
 */
public final class GatewayPlan {
    /** Without a provider. */
    public static final GatewayPlan NONE = new GatewayPlan(LlmConfig.NONE, Map.of(), Map.of());

    private final LlmConfig config;
    private final Map<String, KeySource> keys;
    private final Map<String, Script> scripts;

    private GatewayPlan(LlmConfig config, Map<String, KeySource> keys, Map<String, Script> scripts) {
        this.config = config;
        this.keys = keys;
        this.scripts = scripts;
    }

    /** What cannot be found, all of it. */
    public static final class Missing extends Exception {
        private static final long serialVersionUID = 1;

        private final transient List<String> problems;

        Missing(List<String> problems) {
            super(String.join("\n", problems));
            this.problems = List.copyOf(problems);
        }

        /** One line each, with the place in the configuration and what to do. */
        public List<String> problems() {
            return problems;
        }
    }

    /**
     * Reads every key and every script once.
     *
     * @param secrets directory of what {@code tinyvm secret set} has stored
     * @throws Missing with every problem
     */
    public static GatewayPlan read(LlmConfig config, Path secrets) throws Missing {
        List<String> problems = new ArrayList<>();
        Map<String, KeySource> keys = new HashMap<>();
        Map<String, Script> scripts = new HashMap<>();
        for (int i = 0; i < config.providers().size(); i++) {
            LlmConfig.Provider provider = config.providers().get(i);
            String at = "llm.providers[" + i + "]";
            KeySource key = source(provider.key(), secrets);
            keys.put(provider.name(), key);
            try {
                String _ = key.read();
            } catch (IOException e) {
                problems.add(at + ".apiKey: " + e.getMessage());
            }
            if (provider.type() == LlmConfig.Type.SCRIPTED) {
                try {
                    scripts.put(provider.name(), Script.read(Path.of(provider.script())));
                } catch (IOException e) {
                    problems.add(at + ".script: " + e.getMessage());
                }
            }
        }
        if (!problems.isEmpty()) {
            throw new Missing(problems);
        }
        return new GatewayPlan(config, keys, scripts);
    }

    /**
     * The same with the keys as they are now, for a process that cannot read them again.
     *
     * @throws Missing one is gone since they were read
     */
    public GatewayPlan held() throws Missing {
        Map<String, KeySource> held = new HashMap<>();
        for (Map.Entry<String, KeySource> each : keys.entrySet()) {
            try {
                String key = each.getValue().read();
                held.put(each.getKey(), () -> key);
            } catch (IOException e) {
                throw new Missing(List.of("provider '" + each.getKey() + "': " + e.getMessage()));
            }
        }
        return new GatewayPlan(config, held, scripts);
    }

    /** What was read. */
    public LlmConfig config() {
        return config;
    }

    /**
     * The gateway; closing it ends its scripted providers too.
     *
     * @throws IOException a scripted provider cannot listen
     */
    public Gateway open(
            Allowance.Source allowances, Spending spending, UsageListener usage, WaitListener waits, TapeSource tapes)
            throws IOException {
        List<AutoCloseable> owned = new ArrayList<>();
        List<Provider> providers = new ArrayList<>();
        for (LlmConfig.Provider provider : config.providers()) {
            String url = provider.baseUrl();
            Script script = scripts.get(provider.name());
            if (script != null) {
                var scripted = script.open();
                owned.add(scripted);
                url = scripted.url();
            }
            providers.add(provider(provider, url));
        }
        List<Route> routes = config.routes().stream().map(GatewayPlan::route).toList();
        List<Price> prices = config.prices().stream().map(GatewayPlan::price).toList();
        GatewayConfig read = new GatewayConfig(providers, routes, prices, Math.toIntExact(config.maxRequestBytes()));
        return new Gateway(read, allowances, spending, usage, waits, tapes, owned);
    }

    private Provider provider(LlmConfig.Provider from, String url) {
        List<Headers.Field> headers = new ArrayList<>();
        from.headers().forEach((name, value) -> headers.add(new Headers.Field(name, value)));
        LlmConfig.Timeouts times = from.timeouts();
        LlmConfig.Retries retries = from.retries();
        List<Dialect> dialects = switch (from.type()) {
            case OPENAI -> List.of(Dialect.OPENAI);
            case ANTHROPIC -> List.of(Dialect.ANTHROPIC);
            case GEMINI -> List.of(Dialect.GEMINI);
            case SCRIPTED -> List.of(Dialect.values());
        };
        return new Provider(
                from.name(),
                dialects,
                from.responses(),
                URI.create(url),
                keys.getOrDefault(from.name(), KeySource.NONE),
                Headers.of(headers),
                new Provider.Timeouts(times.connect(), times.firstByte(), times.idle(), times.queue()),
                new Provider.Retry(retries.attempts(), retries.delay(), retries.maxDelay()),
                from.concurrency());
    }

    private static KeySource source(LlmConfig.Key key, Path secrets) {
        return switch (key) {
            case LlmConfig.Key.None() -> KeySource.NONE;
            case LlmConfig.Key.Environment(String name) -> KeySource.environment(name);
            case LlmConfig.Key.KeyFile(String path) -> KeySource.file(Path.of(path));
            case LlmConfig.Key.Secret(String name) -> KeySource.secret(secrets, name);
        };
    }

    private static Route route(LlmConfig.Route from) {
        return new Route(
                new Glob(from.model()),
                from.targets().stream()
                        .map(target -> new Route.Target(target.provider(), target.model()))
                        .toList());
    }

    private static Price price(LlmConfig.Price from) {
        return new Price(
                new Glob(from.provider()),
                new Glob(from.model()),
                from.input(),
                from.cachedInput(),
                from.cacheWrite(),
                from.output());
    }
}
