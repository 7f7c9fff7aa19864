package dev.tinyvm.e2b;

import dev.tinyvm.server.http.JsonRequest;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * A sandbox that a client asks for.
 *
 * @param template id or alias
 * @param timeout how long it lives
 * @param network E2B's network settings
 * @param internet whether it shall reach the internet
 * @param autoPause pause rather than kill at its end
 * @param autoPauseMemory whether that keeps its processes
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
        boolean autoPauseMemory,
        boolean autoResume) {
    /** A host, with {@code ${PORT}} somewhere in it or not; nothing that could end the header line that it is put into. */
    private static final Pattern MASK = Pattern.compile("[!-~&&[^/@\\\\]]{1,255}");

    /** Reads E2B's JSON. What TinyVM does not have is refused by name rather than passed over. */
    public static NewSandbox read(JsonRequest json, Duration defaultTimeout) {
        if (json.raw("volumeMounts").filter(v -> !v.isEmpty()).isPresent()) {
            throw E2bError.notBuilt("mounting volumes");
        }
        if (json.raw("iam").map(v -> v.path("tokens")).filter(v -> !v.isEmpty()).isPresent()) {
            throw E2bError.notBuilt("workload identity (iam tokens)");
        }
        Optional<JsonNode> network = json.raw("network").filter(JsonNode::isObject);
        network.ifPresent(NewSandbox::refuseUnbuilt);
        network.ifPresent(NewSandbox::requireValid);
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
                json.flag("autoPauseMemory", true),
                autoResume);
    }

    /** What {@code allowOut} and {@code denyOut} say. */
    NetworkRules rules() {
        return NetworkRules.read(network.json());
    }

    private static void requireValid(JsonNode network) {
        NetworkRules _ = NetworkRules.read(network);
        JsonNode mask = network.path("maskRequestHost");
        if (!mask.isMissingNode()
                && !mask.isNull()
                && !(mask.isString() && MASK.matcher(mask.stringValue()).matches())) {
            throw new E2bError(400, "mask request host is not valid: " + mask.asString(mask.toString()));
        }
        JsonNode ports = network.path("httpsPorts");
        boolean good = ports.isMissingNode() || ports.isNull() || ports.isArray();
        for (JsonNode port : ports) {
            good &= port.isInt() && port.intValue() >= 1 && port.intValue() <= 65_535;
        }
        if (!good) {
            throw new E2bError(400, "network.httpsPorts must be a list of ports from 1 to 65535");
        }
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
