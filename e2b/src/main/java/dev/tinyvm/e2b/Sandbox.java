package dev.tinyvm.e2b;

import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A Tiny VM as E2B sees it. What E2B knows of it and the manager does not is kept in the VM's tags.
 *
 * @param vm as the manager has it
 * @param template what it was made from
 * @param metadata the user's words
 * @param network E2B's network settings as they were sent
 * @param internet whether internet access was asked for
 */
public record Sandbox(VmStatus vm, Template template, Map<String, String> metadata, Network network, boolean internet) {
    static final String TEMPLATE = "e2b.template";
    static final String METADATA = "e2b.metadata";
    static final String NETWORK = "e2b.network";
    static final String INTERNET = "e2b.internet";
    static final String ON_TIMEOUT = "e2b.onTimeout";
    /** {@code false} on a paused one: it comes back without processes. */
    static final String MEMORY = "e2b.memory";
    /** What {@link #MEMORY} becomes when the end of its time pauses it. */
    static final String AUTO_PAUSE_MEMORY = "e2b.autoPauseMemory";

    static final String AUTO_RESUME = "e2b.autoResume";
    static final String TIMEOUT_SECONDS = "e2b.timeoutSeconds";
    static final String END_AT = "e2b.endAt";

    static final JsonMapper JSON = JsonMapper.shared();

    /**
     * The part of E2B's network settings that the door acts on.
     *
     * @param json all of it
     */
    public record Network(JsonNode json) {
        /** Without any settings. */
        public static Network none() {
            return new Network(JSON.createObjectNode());
        }

        /** Whether the sandbox's ports can be reached without the traffic access token. */
        public boolean publicTraffic() {
            return json.path("allowPublicTraffic").asBoolean(true);
        }

        /** What user servers shall see as {@code Host}; {@code ${PORT}} stands for the port. Empty: what the client sent. */
        public Optional<String> maskedHost(int port) {
            JsonNode mask = json.path("maskRequestHost");
            return mask.isString()
                    ? Optional.of(mask.stringValue().replace("${PORT}", Integer.toString(port)))
                    : Optional.empty();
        }

        /** Whether the server on this port speaks TLS. */
        public boolean tls(int port) {
            for (JsonNode one : json.path("httpsPorts")) {
                if (one.asInt(0) == port) {
                    return true;
                }
            }
            return false;
        }
    }

    public String id() {
        return vm.id();
    }

    public boolean paused() {
        return vm.state() == VmState.PAUSED;
    }

    /** The state in E2B's words. */
    public String state() {
        return paused() ? "paused" : "running";
    }

    /** Whether it is paused rather than killed at its end. */
    public boolean pausesOnTimeout() {
        return "pause".equals(vm.tags().get(ON_TIMEOUT));
    }

    /** Whether a paused one has kept its processes. */
    boolean keptMemory() {
        String explicit = vm.tags().get(MEMORY);
        return !"false".equals(explicit == null ? vm.tags().get(AUTO_PAUSE_MEMORY) : explicit);
    }

    /** Whether a request to it wakes it up. */
    public boolean autoResumes() {
        return "true".equals(vm.tags().get(AUTO_RESUME));
    }

    /** How long it was last asked to live. */
    public Duration timeout() {
        String seconds = vm.tags().get(TIMEOUT_SECONDS);
        return seconds == null ? Sandboxes.DEFAULT_TIMEOUT : Duration.ofSeconds(Long.parseLong(seconds));
    }

    public Instant startedAt() {
        return vm.startedAt().orElse(vm.createdAt());
    }

    /** When it ends by itself; for a paused one when it would have. */
    public Instant endAt() {
        String kept = vm.tags().get(END_AT);
        return vm.deadline().map(d -> d.at()).orElseGet(() -> kept == null ? vm.createdAt() : Instant.parse(kept));
    }
}
