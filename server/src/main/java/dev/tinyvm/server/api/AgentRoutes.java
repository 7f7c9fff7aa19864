package dev.tinyvm.server.api;

import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.AgentStatus;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Metadata;

/** {@code /agents}. */
final class AgentRoutes {
    private static final int MAX_REPLICAS = 10_000;
    private final Manager manager;

    AgentRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        router.add(Route.of("GET", base + "/agents", this::list));
        router.add(Route.of("PUT", base + "/agents", this::apply));
        router.add(Route.of("GET", base + "/agents/{agent}", call -> answer(call, manager.agent(name(call)))));
        router.add(Route.of("PUT", base + "/agents/{agent}", this::applyNamed));
        router.add(Route.of("DELETE", base + "/agents/{agent}", call -> {
            manager.removeAgent(name(call));
            call.empty(204);
        }));
        router.add(Route.of("POST", base + "/agents/{agent}/scale", this::scale));
        router.add(
                Route.of("POST", base + "/agents/{agent}/stop", call -> answer(call, manager.stopAgent(name(call)))));
        router.add(
                Route.of("POST", base + "/agents/{agent}/start", call -> answer(call, manager.startAgent(name(call)))));
        router.add(Route.of(
                "POST", base + "/agents/{agent}/restart", call -> answer(call, manager.restartAgent(name(call)))));
    }

    private void list(Call call) {
        var agents = manager.agents();
        call.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("agents");
            agents.forEach(agent -> VmJson.agent(g, agent));
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private void apply(Call call) {
        Agent agent = Descriptors.read(Descriptors.body(call));
        if (agent.metadata().name().isEmpty()) {
            throw HttpError.invalid("metadata.name is missing; an agent needs a name");
        }
        call.takesLong();
        answer(call, manager.apply(agent, call.caller()));
    }

    private void applyNamed(Call call) {
        Agent agent = Descriptors.read(Descriptors.body(call));
        String name = name(call);
        String written = agent.metadata().name();
        if (!written.isEmpty() && !written.equals(name)) {
            throw HttpError.invalid(
                    "metadata.name is '" + written + "' and the path says '" + name + "'; they must be the same");
        }
        call.takesLong();
        answer(
                call,
                manager.apply(new Agent(new Metadata(name, agent.metadata().labels()), agent.spec()), call.caller()));
    }

    private void scale(Call call) {
        JsonRequest body = call.json();
        int replicas = body.requiredNumber("replicas", 0, MAX_REPLICAS);
        body.finish();
        call.takesLong();
        answer(call, manager.scale(name(call), replicas));
    }

    private static String name(Call call) {
        call.takesLong();
        return call.variable("agent");
    }

    private static void answer(Call call, AgentStatus status) {
        call.json(200, g -> VmJson.agent(g, status));
    }
}
