package dev.tinyvm.server.api;

import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.CreatedKey;
import dev.tinyvm.manager.Manager.HostStatus;
import dev.tinyvm.manager.Manager.KeyInfo;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import java.util.List;
import java.util.function.Consumer;
import tools.jackson.core.JsonGenerator;

/** Keys, and what concerns the manager as a whole. */
final class HostRoutes {
    private final Manager manager;
    private final Consumer<Boolean> onShutdown;

    HostRoutes(Manager manager, Consumer<Boolean> onShutdown) {
        this.manager = manager;
        this.onShutdown = onShutdown;
    }

    void mount(Router router, String base) {
        router.add(Route.of("POST", base + "/keys", this::createKey));
        router.add(Route.of("GET", base + "/keys", this::keys));
        router.add(Route.of("DELETE", base + "/keys/{key}", call -> {
            manager.revokeKey(call.variable("key"));
            call.empty(204);
        }));
        router.add(Route.of("GET", base + "/host", this::host));
        router.add(Route.of("POST", base + "/save", call -> names(call, manager.save())));
        router.add(Route.of("POST", base + "/resurrect", call -> {
            call.json().finish();
            call.takesLong();
            names(call, manager.resurrect());
        }));
        router.add(Route.of("POST", base + "/shutdown", this::shutdown));
    }

    private void createKey(Call call) {
        JsonRequest body = call.json();
        String name = body.requiredText("name");
        body.finish();
        CreatedKey created = manager.createKey(name);
        call.header("Cache-Control", "no-store");
        call.json(201, g -> {
            g.writeStartObject();
            g.writeName("key");
            key(g, created.key());
            g.writeStringProperty("secret", created.secret());
            g.writeEndObject();
        });
    }

    private void keys(Call call) {
        List<KeyInfo> keys = manager.keys();
        call.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("keys");
            keys.forEach(key -> key(g, key));
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private static void key(JsonGenerator g, KeyInfo key) {
        g.writeStartObject();
        g.writeStringProperty("id", key.id());
        g.writeStringProperty("name", key.name());
        g.writeStringProperty("createdAt", key.createdAt().toString());
        VmJson.instant(g, "lastUsedAt", key.lastUsedAt());
        g.writeEndObject();
    }

    private void host(Call call) {
        HostStatus host = manager.host();
        call.json(200, g -> {
            g.writeStartObject();
            g.writeStringProperty("version", host.version());
            g.writeStringProperty("startedAt", host.startedAt().toString());
            g.writeNumberProperty("cpuMillisCapacity", host.cpuMillisCapacity());
            g.writeNumberProperty("cpuMillisPromised", host.cpuMillisPromised());
            g.writeNumberProperty("memoryBytesCapacity", host.memoryBytesCapacity());
            g.writeNumberProperty("memoryBytesPromised", host.memoryBytesPromised());
            g.writeNumberProperty("vmsLive", host.vmsLive());
            g.writeNumberProperty("vmsPending", host.vmsPending());
            g.writeArrayPropertyStart("engines");
            host.engines().forEach(engine -> {
                g.writeStartObject();
                g.writeStringProperty("engine", engine.engine());
                g.writeBooleanProperty("available", engine.available());
                g.writeStringProperty("detail", engine.detail());
                g.writeEndObject();
            });
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private static void names(Call call, List<String> names) {
        call.json(200, g -> {
            g.writeStartObject();
            VmJson.texts(g, "names", names);
            g.writeEndObject();
        });
    }

    private void shutdown(Call call) {
        boolean keep = call.flag("keep", false);
        call.json().finish();
        call.json(202, g -> {
            g.writeStartObject();
            g.writeBooleanProperty("keep", keep);
            g.writeEndObject();
        });
        Thread.ofPlatform().name("tinyvm-shutdown").start(() -> onShutdown.accept(keep));
    }
}
