package dev.tinyvm.e2b;

import dev.tinyvm.server.http.JsonRequest;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * A sandbox that a client asks for.
 *
 * @param template id or alias
 * @param timeout how long it lives
 * @param network E2B's network settings
 * @param internet whether it shall reach the internet
 * @param autoPause pause rather than kill at its end
 * @param autoResume wake up on requests
 */
public record NewSandbox(
        String template,
        Duration timeout,
        Map<String, String> metadata,
        Map<String, String> env,
        Sandbox.Network network,
        boolean internet,
        boolean autoPause,
        boolean autoResume) {
    /** Reads E2B's JSON. What TinyVM does not have is refused by name rather than passed over. */
    public static NewSandbox read(JsonRequest json, Duration defaultTimeout) {
        if (json.raw("volumeMounts").filter(v -> !v.isEmpty()).isPresent()) {
            throw E2bError.notBuilt("mounting volumes");
        }
        if (json.raw("iam").map(v -> v.path("tokens")).filter(v -> !v.isEmpty()).isPresent()) {
            throw E2bError.notBuilt("workload identity (iam tokens)");
        }
        if (!json.flag("autoPauseMemory", true)) {
            throw E2bError.notBuilt("pausing without keeping memory");
        }
        Optional<JsonNode> network = json.raw("network").filter(JsonNode::isObject);
        network.ifPresent(NewSandbox::refuseUnbuilt);
        boolean autoPause = json.flag("autoPause", false);
        boolean autoResume =
                json.object("autoResume").map(r -> r.flag("enabled", false)).orElse(false);
        if (autoResume && !autoPause) {
            throw new E2bError(400, "autoResume needs autoPause: a killed sandbox cannot be resumed");
        }
        return new NewSandbox(
                json.optionalText("templateID")
                        .filter(t -> !t.isEmpty())
                        .orElseThrow(() -> new E2bError(400, "templateID is missing")),
                json.optionalNumber("timeout", 0, Sandboxes.MAX_TIMEOUT.toSeconds())
                        .map(Duration::ofSeconds)
                        .orElse(defaultTimeout),
                new LinkedHashMap<>(json.textMap("metadata")),
                new LinkedHashMap<>(json.textMap("envVars")),
                network.map(Sandbox.Network::new).orElseGet(Sandbox.Network::none),
                json.flag("allow_internet_access", true),
                autoPause,
                autoResume);
    }

    static void refuseUnbuilt(JsonNode network) {
        if (network.path("egressProxy").isObject()) {
            throw E2bError.notBuilt("an egress proxy (network.egressProxy)");
        }
        if (!network.path("rules").isEmpty()) {
            throw E2bError.notBuilt("changing outgoing requests (network.rules)");
        }
    }
}
