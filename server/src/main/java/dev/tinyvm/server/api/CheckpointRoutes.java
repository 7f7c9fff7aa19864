package dev.tinyvm.server.api;

import dev.tinyvm.manager.Checkpoints.CheckpointInfo;
import dev.tinyvm.manager.Checkpoints.RestoreRequest;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import java.util.List;
import tools.jackson.core.JsonGenerator;

/** {@code /checkpoints}, and the verbs that make and use them. */
final class CheckpointRoutes {
    private final Manager manager;

    CheckpointRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        router.add(Route.of("POST", base + "/vms/{vm}/checkpoints", this::write));
        router.add(Route.of("GET", base + "/checkpoints", this::list));
        router.add(Route.of(
                "GET",
                base + "/checkpoints/{checkpoint}",
                call -> answer(call, 200, manager.checkpoints().get(call.variable("checkpoint")))));
        router.add(Route.of("DELETE", base + "/checkpoints/{checkpoint}", call -> {
            manager.checkpoints().remove(call.variable("checkpoint"));
            call.empty(204);
        }));
        router.add(Route.of("POST", base + "/checkpoints/{checkpoint}/restore", this::restore));
    }

    private void write(Call call) {
        JsonRequest body = call.json();
        String name = body.text("name", "");
        body.finish();
        answer(call, 201, manager.checkpoints().write(call.variable("vm"), name, call.caller()));
    }

    private void list(Call call) {
        List<CheckpointInfo> all = manager.checkpoints().list();
        call.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("checkpoints");
            all.forEach(checkpoint -> checkpoint(g, checkpoint));
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private void restore(Call call) {
        JsonRequest body = call.json();
        int count = body.number("count", 1, RestoreRequest.MAX_COUNT, 1);
        String name = body.text("name", "");
        body.finish();
        List<VmStatus> made = manager.checkpoints()
                .restore(new RestoreRequest(call.variable("checkpoint"), count, name, call.caller()));
        call.json(201, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("vms");
            made.forEach(vm -> VmJson.vm(g, vm, true));
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private static void answer(Call call, int status, CheckpointInfo checkpoint) {
        call.json(status, g -> checkpoint(g, checkpoint));
    }

    private static void checkpoint(JsonGenerator g, CheckpointInfo checkpoint) {
        g.writeStartObject();
        g.writeStringProperty("name", checkpoint.name());
        g.writeStringProperty("vm", checkpoint.vm());
        g.writeStringProperty("vmName", checkpoint.vmName());
        g.writeStringProperty("image", checkpoint.descriptor().spec().image());
        g.writeStringProperty("pinnedImage", checkpoint.image());
        g.writeStringProperty("engine", checkpoint.engine());
        g.writeNumberProperty("bytes", checkpoint.bytes());
        g.writeStringProperty("createdAt", checkpoint.createdAt().toString());
        g.writeStringProperty("owner", checkpoint.owner());
        g.writeEndObject();
    }
}
