package dev.tinyvm.spec;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Makes a changed copy of an {@link AgentSpec}. Not for use by several threads. */
public final class AgentSpecBuilder {
    private String image;
    private EngineChoice engine;
    private List<String> command;
    private Map<String, String> env;
    private String workingDir;
    private String user;
    private Resources resources;
    private List<Volume> volumes;
    private Restart restart;
    private Optional<Health> health;
    private Duration stopGracePeriod;
    private int replicas;
    private Network network;
    private Llm llm;
    private Idle idle;
    private Trust trust;
    private Budget budget;

    AgentSpecBuilder(AgentSpec from) {
        this.image = from.image();
        this.engine = from.engine();
        this.command = from.command();
        this.env = from.env();
        this.workingDir = from.workingDir();
        this.user = from.user();
        this.resources = from.resources();
        this.volumes = from.volumes();
        this.restart = from.restart();
        this.health = from.health();
        this.stopGracePeriod = from.stopGracePeriod();
        this.replicas = from.replicas();
        this.network = from.network();
        this.llm = from.llm();
        this.idle = from.idle();
        this.trust = from.trust();
        this.budget = from.budget();
    }

    public AgentSpecBuilder image(String changed) {
        this.image = changed;
        return this;
    }

    public AgentSpecBuilder engine(EngineChoice changed) {
        this.engine = changed;
        return this;
    }

    public AgentSpecBuilder command(List<String> changed) {
        this.command = changed;
        return this;
    }

    public AgentSpecBuilder env(Map<String, String> changed) {
        this.env = changed;
        return this;
    }

    public AgentSpecBuilder workingDir(String changed) {
        this.workingDir = changed;
        return this;
    }

    public AgentSpecBuilder user(String changed) {
        this.user = changed;
        return this;
    }

    public AgentSpecBuilder resources(Resources changed) {
        this.resources = changed;
        return this;
    }

    public AgentSpecBuilder volumes(List<Volume> changed) {
        this.volumes = changed;
        return this;
    }

    public AgentSpecBuilder restart(Restart changed) {
        this.restart = changed;
        return this;
    }

    public AgentSpecBuilder health(Optional<Health> changed) {
        this.health = changed;
        return this;
    }

    public AgentSpecBuilder stopGracePeriod(Duration changed) {
        this.stopGracePeriod = changed;
        return this;
    }

    public AgentSpecBuilder replicas(int changed) {
        this.replicas = changed;
        return this;
    }

    public AgentSpecBuilder network(Network changed) {
        this.network = changed;
        return this;
    }

    public AgentSpecBuilder llm(Llm changed) {
        this.llm = changed;
        return this;
    }

    public AgentSpecBuilder trust(Trust changed) {
        this.trust = changed;
        return this;
    }

    public AgentSpecBuilder idle(Idle changed) {
        this.idle = changed;
        return this;
    }

    public AgentSpecBuilder budget(Budget changed) {
        this.budget = changed;
        return this;
    }

    public AgentSpec build() {
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
                replicas,
                network,
                llm,
                idle,
                trust,
                budget);
    }
}
