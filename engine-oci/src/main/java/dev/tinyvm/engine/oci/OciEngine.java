package dev.tinyvm.engine.oci;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.container.ContainerEngine;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Machines behind a wall that an OCI runtime makes. The spawner starts the runtime inside of the wall's own user, PID and mount namespaces and
 * watches over all its processes, so this engine is the container engine with another maker, and adds what is known of the runtime.
 */
public final class OciEngine implements Engine {
    private final OciRuntime runtime;
    private final ContainerEngine walls;

    /** @param spawnerSocket the spawner's socket, {@code <run>/spawner.sock}; need not exist yet */
    public OciEngine(OciRuntime runtime, Path spawnerSocket) {
        this.runtime = runtime;
        this.walls = new ContainerEngine(spawnerSocket, runtime.kind(), runtime.program());
    }

    @Override
    public EngineKind kind() {
        return runtime.kind();
    }

    @Override
    public Availability availability() {
        Optional<Path> path = runtime.find();
        if (path.isEmpty()) {
            return new Availability.Missing(runtime.program() + " is not installed", runtime.remedy());
        }
        String version = runtime.version(path.get()).orElse("of unknown version");
        Optional<String> problem = runtime.problem(version);
        if (problem.isPresent()) {
            return new Availability.Missing(problem.get(), runtime.remedy());
        }
        return switch (walls.availability()) {
            case Availability.Missing missing -> missing;
            case Availability.Available there ->
                new Availability.Available(runtime.program() + " " + version
                        + (runtime == OciRuntime.RUNSC ? ", platform " + OciRuntime.GVISOR_PLATFORM : "") + ", "
                        + there.detail());
        };
    }

    @Override
    public Optional<CheckpointStore> checkpoints() {
        return walls.checkpoints();
    }

    @Override
    public Machine create(MachineSpec spec) {
        return walls.create(spec);
    }

    @Override
    public Adoption adopt(List<String> wanted) {
        return walls.adopt(wanted);
    }

    @Override
    public List<String> machines() {
        return walls.machines();
    }

    @Override
    public void destroy(String id) {
        walls.destroy(id);
    }

    @Override
    public void close() {
        walls.close();
    }
}
