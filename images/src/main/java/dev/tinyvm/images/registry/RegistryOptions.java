package dev.tinyvm.images.registry;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/**
 * How a client behaves.
 *
 * @param credentials for registries that ask
 * @param environment where proxies are named
 * @param attempts how often one request is tried, and one transfer without progress
 * @param firstWait before the second attempt; each further one waits twice as long
 * @param longestWait at most, also when the registry asks for more
 * @param stallLimit how long a transfer may stand still
 * @param parallelBlobs transfers at once
 */
public record RegistryOptions(
        Credentials.Source credentials,
        Map<String, String> environment,
        int attempts,
        Duration firstWait,
        Duration longestWait,
        Duration stallLimit,
        int parallelBlobs) {
    public RegistryOptions {
        environment = Map.copyOf(environment);
        if (attempts < 1 || parallelBlobs < 1) {
            throw new IllegalArgumentException("at least one attempt and one transfer");
        }
    }

    /** Docker's credentials and the proxies of this process' environment; five attempts, four transfers at once. */
    public static RegistryOptions standard(Map<String, String> environment, Path home) {
        return new RegistryOptions(
                new DockerConfig(environment, home),
                environment,
                5,
                Duration.ofMillis(500),
                Duration.ofSeconds(60),
                Duration.ofSeconds(60),
                4);
    }

    /** As above, for this process. */
    public static RegistryOptions standard() {
        return standard(System.getenv(), Path.of(System.getProperty("user.home", "/")));
    }
}
