package dev.tinyvm.app;

import dev.tinyvm.llm.KeySource;
import dev.tinyvm.network.Credential;
import dev.tinyvm.network.EgressLimits;
import dev.tinyvm.spec.LlmConfig;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.NetworkConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The configuration of the egress proxy with the secrets it points to, which are read once while the manager is still root.
 *
 * @param credentials that rules may name
 * @param e2bEgress what E2B's sandboxes may reach at most
 * @param limits of the proxy
 * @param routedPool addresses of routed interfaces, for the spawner; empty: its own choice
 */
record EgressPlan(
        List<Credential> credentials,
        List<Network.Egress> e2bEgress,
        EgressLimits limits,
        Optional<String> routedPool) {
    static final EgressPlan NONE = new EgressPlan(List.of(), List.of(), EgressLimits.DEFAULT, Optional.empty());

    /**
     * @param secrets directory of what {@code tinyvm secret set} has stored
     * @param problems gets a line for each secret that cannot be read
     */
    static EgressPlan read(NetworkConfig config, Path secrets, List<String> problems) {
        List<Credential> credentials = new ArrayList<>();
        for (int i = 0; i < config.credentials().size(); i++) {
            NetworkConfig.Credential from = config.credentials().get(i);
            KeySource source = source(from.value(), secrets);
            try {
                String _ = source.read();
            } catch (IOException e) {
                problems.add("network.credentials[" + i + "].value: " + e.getMessage());
            }
            credentials.add(new Credential(
                    from.name(), from.hosts(), from.header(), () -> from.prefix() + read(source), from.tls()));
        }
        return new EgressPlan(credentials, config.e2bEgress(), EgressLimits.of(config.limits()), config.routedPool());
    }

    /** The same with the secrets as they are now, for who cannot read them again. Only when {@link #read} told no problem. */
    EgressPlan held() {
        return new EgressPlan(
                credentials.stream()
                        .map(credential -> {
                            String value = credential.value().get();
                            return new Credential(
                                    credential.name(),
                                    credential.hosts(),
                                    credential.header(),
                                    () -> value,
                                    credential.tls());
                        })
                        .toList(),
                e2bEgress,
                limits,
                routedPool);
    }

    private static String read(KeySource source) {
        try {
            return source.read();
        } catch (IOException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
    }

    private static KeySource source(LlmConfig.Key key, Path secrets) {
        return switch (key) {
            case LlmConfig.Key.None() -> KeySource.NONE;
            case LlmConfig.Key.Environment(String name) -> KeySource.environment(name);
            case LlmConfig.Key.KeyFile(String path) -> KeySource.file(Path.of(path));
            case LlmConfig.Key.Secret(String name) -> KeySource.secret(secrets, name);
        };
    }
}
