package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.spec.LlmConfig;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The LLM providers that the environment has keys or addresses for, by the variables that the vendors' own SDKs read. */
final class EnvironmentProviders {
    private static final String OPENAI_HOST = "api.openai.com";

    private EnvironmentProviders() {}

    /** Without a provider: there is none. Models are routed by the beginning of their names, and whatever else to OpenAI, or to the one that is there. */
    static LlmConfig of(Map<String, String> environment) {
        List<LlmConfig.Provider> providers = new ArrayList<>();
        List<LlmConfig.Route> routes = new ArrayList<>();
        String openAi = add(
                providers,
                environment,
                "openai",
                LlmConfig.Type.OPENAI,
                "https://" + OPENAI_HOST + "/v1",
                "OPENAI_BASE_URL",
                "OPENAI_API_KEY");
        String anthropic = add(
                providers,
                environment,
                "anthropic",
                LlmConfig.Type.ANTHROPIC,
                "https://api.anthropic.com",
                "ANTHROPIC_BASE_URL",
                "ANTHROPIC_API_KEY");
        String gemini = add(
                providers,
                environment,
                "gemini",
                LlmConfig.Type.GEMINI,
                "https://generativelanguage.googleapis.com",
                "GOOGLE_GEMINI_BASE_URL",
                "GEMINI_API_KEY",
                "GOOGLE_API_KEY");
        if (providers.isEmpty()) {
            return LlmConfig.NONE;
        }
        if (!anthropic.isEmpty()) {
            routes.add(route("claude*", anthropic));
        }
        if (!gemini.isEmpty()) {
            routes.add(route("gemini*", gemini));
            routes.add(route("gemma*", gemini));
        }
        routes.add(route("*", !openAi.isEmpty() ? openAi : !anthropic.isEmpty() ? anthropic : gemini));
        return new LlmConfig(providers, routes, List.of(), List.of(), LlmConfig.REQUEST_BYTES);
    }

    private static LlmConfig.Route route(String models, String provider) {
        return new LlmConfig.Route(models, List.of(new LlmConfig.Target(provider, "")));
    }

    /** @return its name; empty: nothing in the environment speaks of it */
    private static String add(
            List<LlmConfig.Provider> providers,
            Map<String, String> environment,
            String name,
            LlmConfig.Type type,
            String usual,
            String url,
            String... keys) {
        LlmConfig.Key key = new LlmConfig.Key.None();
        for (int i = keys.length - 1; i >= 0; i--) {
            if (!environment.getOrDefault(keys[i], "").isBlank()) {
                key = new LlmConfig.Key.Environment(keys[i]);
            }
        }
        String address = environment.getOrDefault(url, "").strip();
        if (address.isEmpty() && key instanceof LlmConfig.Key.None) {
            return "";
        }
        boolean own = address.isEmpty() || address.contains(OPENAI_HOST);
        providers.add(new LlmConfig.Provider(
                name,
                type,
                address.isEmpty() ? usual : checked(url, address),
                key,
                "",
                own,
                Map.of(),
                LlmConfig.Timeouts.DEFAULT,
                LlmConfig.Retries.DEFAULT,
                LlmConfig.Provider.CONCURRENCY));
        return name;
    }

    private static String checked(String variable, String address) {
        try {
            URI uri = new URI(address);
            if (uri.getHost() != null
                    && uri.getScheme() != null
                    && uri.getScheme().matches("https?")) {
                return address;
            }
        } catch (java.net.URISyntaxException e) {
            // Told below.
        }
        throw new CliException(
                ExitCode.NOT_RUN, variable + " is not http://… or https://… with a host", "Unset it, or use --no-llm");
    }
}
