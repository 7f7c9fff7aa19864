package dev.tinyvm.llm;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The section {@code llm} of the manager's configuration.
 *
 * @param providers by distinct names
 * @param routes in order
 * @param prices in order; the first that fits counts
 * @param maxRequestBytes of a request's body
 */
public record GatewayConfig(List<Provider> providers, List<Route> routes, List<Price> prices, int maxRequestBytes) {
    /** 64 MiB: prompts with images. */
    public static final int REQUEST_BYTES = 64 << 20;

    /** Checks that the names fit together. */
    public GatewayConfig {
        providers = List.copyOf(providers);
        routes = List.copyOf(routes);
        prices = List.copyOf(prices);
        Set<String> names = new HashSet<>();
        for (Provider provider : providers) {
            if (!names.add(provider.name())) {
                throw new IllegalArgumentException(
                        "there are two providers '" + provider.name() + "'; give one another name");
            }
        }
        for (Route route : routes) {
            if (route.targets().isEmpty()) {
                throw new IllegalArgumentException(
                        "the route for '" + route.model().pattern() + "' names no provider");
            }
            for (Route.Target target : route.targets()) {
                if (!names.contains(target.provider())) {
                    throw new IllegalArgumentException(
                            "the route for '" + route.model().pattern() + "' names the provider '" + target.provider()
                                    + "', which is not configured; there is " + names);
                }
            }
        }
    }

    /** With the default size of requests. */
    public static GatewayConfig of(List<Provider> providers, List<Route> routes, List<Price> prices) {
        return new GatewayConfig(providers, routes, prices, REQUEST_BYTES);
    }

    Optional<Route> route(String model) {
        return routes.stream().filter(route -> route.model().matches(model)).findFirst();
    }

    Optional<Price> price(String provider, String model) {
        return prices.stream()
                .filter(price ->
                        price.provider().matches(provider) && price.model().matches(model))
                .findFirst();
    }
}
