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
        int replicas) {
    public AgentSpec {
        command = List.copyOf(command);
        env = Collections.unmodifiableMap(new LinkedHashMap<>(env));
        volumes = List.copyOf(volumes);
    }

    /** A copy with another number of replicas. */
    public AgentSpec withReplicas(int count) {
        return new AgentSpec(
                image,
                engine,
                command,
                env,
                workingDir,
                user,
                resources,
                volumes,
                restart,
                health,
                stopGracePeriod,
                count);
    }

    /** A copy with another command. */
    public AgentSpec withCommand(List<String> other) {
        return new AgentSpec(
                image,
                engine,
                other,
                env,
                workingDir,
                user,
                resources,
                volumes,
                restart,
                health,
                stopGracePeriod,
                replicas);
    }

    /** A copy with other resources. */
    public AgentSpec withResources(Resources other) {
        return new AgentSpec(
                image,
                engine,
                command,
                env,
                workingDir,
                user,
                other,
                volumes,
                restart,
                health,
                stopGracePeriod,
                replicas);
    }
}
