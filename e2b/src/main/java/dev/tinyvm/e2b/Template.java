package dev.tinyvm.e2b;

import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.Metadata;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Restart;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * What sandboxes are made from.
 *
 * @param id name and id at once; E2B shows it as both
 * @param image the manager's image
 * @param resources of each sandbox
 * @param codeInterpreter whether port 49999 runs code
 */
public record Template(String id, String image, Resources resources, boolean codeInterpreter) {
    private static final Resources STANDARD = new Resources(500, 512L << 20, 1L << 30, 256);

    /** What is there without any configuration. {@code mcp-gateway} is where the SDKs start an MCP gateway, which the image must bring. */
    public static final List<Template> STANDARD_TEMPLATES = List.of(
            new Template("base", "host", STANDARD, false),
            new Template("code-interpreter-v1", "host", STANDARD, true),
            new Template("mcp-gateway", "host", STANDARD, false));

    /** E2B's ids of builds are UUIDs; there is one build for ever. */
    public UUID buildId() {
        return UUID.nameUUIDFromBytes(id.getBytes(StandardCharsets.UTF_8));
    }

    /** CPUs as E2B counts them, whole ones. */
    public int cpuCount() {
        return Math.max(1, (resources.cpuMillis() + 999) / 1000);
    }

    public long memoryMegabytes() {
        return resources.memoryBytes() >> 20;
    }

    public long diskMegabytes() {
        return resources.diskBytes() >> 20;
    }

    /** The descriptor of a sandbox: no main process, ends at once when told to. */
    Agent descriptor(String name, Map<String, String> env, Network network) {
        AgentSpec spec = AgentSpec.of(image)
                .change()
                .env(env)
                .user("user")
                .resources(resources)
                .restart(new Restart(
                        Restart.Policy.NEVER,
                        0,
                        Restart.DEFAULT.window(),
                        Restart.DEFAULT.backoff(),
                        Restart.DEFAULT.maxBackoff(),
                        Restart.DEFAULT.maxMemoryBytes()))
                .stopGracePeriod(Duration.ZERO)
                .network(network)
                .build();
        return new Agent(new Metadata(name, Map.of()), spec);
    }
}
