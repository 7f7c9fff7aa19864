package dev.tinyvm.server.api;

import dev.tinyvm.manager.Manager;
import dev.tinyvm.server.http.Door;
import dev.tinyvm.server.http.RequestMetrics;
import dev.tinyvm.server.http.Router;
import java.util.function.Consumer;

/** The native REST API. */
public final class ApiDoor implements Door {
    private static final String BASE = "/api/v1";
    private final Manager manager;
    private final RequestMetrics metrics;
    private final Consumer<Boolean> onShutdown;

    /** @param onShutdown called, after answering, when a client asks the manager to stop; told whether Tiny VMs go on */
    public ApiDoor(Manager manager, RequestMetrics metrics, Consumer<Boolean> onShutdown) {
        this.manager = manager;
        this.metrics = metrics;
        this.onShutdown = onShutdown;
    }

    @Override
    public void mount(Router router) {
        new AgentRoutes(manager).mount(router, BASE);
        new VmRoutes(manager).mount(router, BASE);
        new NetworkRoutes(manager).mount(router, BASE);
        new VolumeRoutes(manager).mount(router, BASE);
        new CheckpointRoutes(manager).mount(router, BASE);
        new ExecRoutes(manager).mount(router, BASE);
        new FileRoutes(manager).mount(router, BASE);
        new StreamRoutes(manager).mount(router, BASE);
        new BillRoutes(manager).mount(router, BASE);
        new HostRoutes(manager, onShutdown).mount(router, BASE);
        new SystemRoutes(manager, metrics).mount(router, BASE);
    }
}
