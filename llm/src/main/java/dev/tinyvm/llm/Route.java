package dev.tinyvm.llm;

import java.util.List;

/**
 * Where calls for a model go. The first route that fits counts.
 *
 * @param model name, alias or pattern
 * @param targets tried in this order: the next when one cannot be reached, is too slow, or answers 429 or 5xx
 */
public record Route(Glob model, List<Target> targets) {
    /**
     * One of them.
     *
     * @param provider its name
     * @param model what the model is called there; empty: as the client called it
     */
    public record Target(String provider, String model) {}

    /** To one provider, under the same name. */
    public static Route of(String model, String provider) {
        return new Route(new Glob(model), List.of(new Target(provider, "")));
    }
}
