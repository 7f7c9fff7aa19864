package dev.tinyvm.spec;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads what refers to providers and callers: routes, prices, limits. */
final class LlmRoutesSection {
    private static final Keys ROUTE = Keys.of("model", "provider", "targets")
            .with(Map.of("alias", "is written as the model: {model: ALIAS, targets: [{provider: …, model: …}]}"));
    private static final Keys TARGET = Keys.of("provider", "model");
    private static final Keys PRICE = Keys.of("model", "provider", "input", "cachedInput", "cacheWrite", "output");
    private static final Keys LIMIT =
            Keys.of("key", "agent", "models", "budget", "requestsPerMinute", "tokensPerMinute");
    private static final int MAX_ENTRIES = 1_000;
    private static final int MAX_TARGETS = 16;
    private static final BigDecimal MAX_USD = BigDecimal.valueOf(1_000_000_000);
    /** Of a dollar for a million tokens: finer than any price that is asked. */
    private static final int PRICE_DIGITS = 6;

    private LlmRoutesSection() {}

    static List<LlmConfig.Route> routes(Section llm, Set<String> providers) {
        List<LlmConfig.Route> routes = new ArrayList<>();
        for (Section section : llm.sections("routes", ROUTE, MAX_ENTRIES)) {
            String model = section.required("model", "expected a model's name, an alias, or a pattern such as `gpt-*`");
            if (section.has("provider") == section.has("targets")) {
                section.problem(
                        "provider",
                        (section.has("provider") ? "stands beside `targets`; " : "is missing; ")
                                + "name `provider: NAME`, or several in `targets: [{provider: NAME, model: NAME}]`");
                continue;
            }
            List<LlmConfig.Target> targets = new ArrayList<>();
            if (section.has("provider")) {
                targets.add(new LlmConfig.Target(provider(section, providers), ""));
            } else {
                for (Section target : section.sections("targets", TARGET, MAX_TARGETS)) {
                    if (!target.has("provider")) {
                        target.problem("provider", "is missing; name one of " + String.join(", ", providers));
                    }
                    targets.add(new LlmConfig.Target(
                            provider(target, providers), target.string("model").orElse("")));
                }
                if (targets.isEmpty()) {
                    section.problem("targets", "names no provider; expected [{provider: NAME, model: NAME}]");
                }
            }
            routes.add(new LlmConfig.Route(model, targets));
        }
        return routes;
    }

    static List<LlmConfig.Price> prices(Section llm, Set<String> providers) {
        List<LlmConfig.Price> prices = new ArrayList<>();
        for (Section section : llm.sections("prices", PRICE, MAX_ENTRIES)) {
            String model = section.required("model", "expected a model's name at its provider, or a pattern");
            String provider = section.string("provider").orElse("*");
            if (provider.indexOf('*') < 0) {
                provider(section, providers);
            }
            BigDecimal input = dollars(section, "input", true).orElse(BigDecimal.ZERO);
            BigDecimal output = dollars(section, "output", true).orElse(BigDecimal.ZERO);
            prices.add(new LlmConfig.Price(
                    provider,
                    model,
                    input,
                    dollars(section, "cachedInput", false).orElse(input),
                    dollars(section, "cacheWrite", false).orElse(input),
                    output));
        }
        return prices;
    }

    static List<LlmConfig.Limit> limits(Section llm) {
        List<LlmConfig.Limit> limits = new ArrayList<>();
        for (Section section : llm.sections("limits", LIMIT, MAX_ENTRIES)) {
            boolean key = section.has("key");
            if (key == section.has("agent")) {
                section.problem(
                        "key",
                        (key ? "stands beside `agent`; " : "is missing; ")
                                + "name whom it is for: `key: NAME` or `agent: NAME`; `*` is each of them");
            }
            String name = section.string(key ? "key" : "agent").orElse("*");
            limits.add(new LlmConfig.Limit(
                    key ? LlmConfig.Scope.KEY : LlmConfig.Scope.AGENT, name, LlmSection.read(section)));
        }
        return limits;
    }

    private static Optional<BigDecimal> dollars(Section section, String key, boolean needed) {
        if (needed && !section.has(key)) {
            section.problem(key, "is missing; expected US dollars for a million tokens, such as `1.25`");
        }
        return section.decimal(key, MAX_USD, PRICE_DIGITS, "US dollars for a million tokens such as `1.25`");
    }

    private static String provider(Section section, Set<String> providers) {
        String name = section.string("provider").orElse("");
        if (!name.isEmpty() && !providers.contains(name)) {
            section.problem(
                    "provider",
                    "is " + Problems.quote(name) + ", which is not under llm.providers; "
                            + (providers.isEmpty()
                                    ? "none is"
                                    : "there are "
                                            + String.join(
                                                    ", ",
                                                    providers.stream().sorted().toList()))
                            + NearestName.of(name, providers)
                                    .map(nearest -> "; did you mean `" + nearest + "`?")
                                    .orElse(""));
        }
        return name;
    }
}
