package dev.tinyvm.spec;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What runs in each Tiny VM of an agent.
 *
 * @param image {@code host}, or the name of an imported image
 * @param engine which wall
 * @param command program and arguments of the main process; empty: no main process, the Tiny VM waits for exec
 * @param env environment of the main process and the default of every exec
 * @param workingDir absolute directory inside; empty: the user's home
 * @param user name or uid inside; empty: the image's default user
 * @param resources upper bounds
 * @param volumes what is mounted
 * @param restart what happens when the main process ends
 * @param health how the manager sees whether the agent works
 * @param stopGracePeriod time between SIGTERM and SIGKILL
 * @param replicas how many Tiny VMs of this kind run, 0 to 10,000
 * @param network what may be reached
 * @param llm which models may be used, and how much
 * @param idle what happens while it does nothing
 * @param trust what {@code engine: auto} goes by
 * @param budget what it may cost in all
 */
public record AgentSpec(
        String image,
        EngineChoice engine,
        List<String> command,
        Map<String, String> env,
        String workingDir,
        String user,
        Resources resources,
        List<Volume> volumes,
        Restart restart,
        Optional<Health> health,
        Duration stopGracePeriod,
        int replicas,
        Network network,
        Llm llm,
        Idle idle,
        Trust trust,
        Budget budget) {
    public AgentSpec {
        command = List.copyOf(command);
        env = Collections.unmodifiableMap(new LinkedHashMap<>(env));
        volumes = List.copyOf(volumes);
    }

    /** An agent of an image with defaults for the rest. */
    public static AgentSpec of(String image) {
        return new AgentSpec(
                image,
                EngineChoice.AUTO,
                List.of(),
                Map.of(),
                "",
                "",
                Resources.DEFAULT,
                List.of(),
                Restart.DEFAULT,
                Optional.empty(),
                Limits.DEFAULT_STOP_GRACE,
                1,
                Network.NONE,
                Llm.DEFAULT,
                Idle.DEFAULT,
                Trust.TRUSTED,
                Budget.NONE);
    }

    /** A changed copy: set what differs, then build. */
    public AgentSpecBuilder change() {
        return new AgentSpecBuilder(this);
    }

    /** A copy with another number of replicas. */
    public AgentSpec withReplicas(int count) {
        return change().replicas(count).build();
    }

    /** A copy with another command. */
    public AgentSpec withCommand(List<String> other) {
        return change().command(other).build();
    }

    /** A copy with other resources. */
    public AgentSpec withResources(Resources other) {
        return change().resources(other).build();
    }
}
