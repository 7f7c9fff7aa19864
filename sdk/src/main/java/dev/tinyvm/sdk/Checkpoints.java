package dev.tinyvm.sdk;

import java.time.Duration;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/** Tiny VMs on disk, behind gVisor: {@link TinyVmClient#checkpoints}. */
public final class Checkpoints {
    /** Memory is written to disk, or read from it, several times over when there are several copies. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private final Transport transport;

    Checkpoints(Transport transport) {
        this.transport = transport;
    }

    /** Writes a running or paused Tiny VM to disk; it goes on. @param name empty: made up */
    public CheckpointInfo write(String vm, String name) {
        ObjectNode body = Transport.object();
        if (!name.isEmpty()) {
            body.put("name", name);
        }
        return Decoding.checkpoint(transport.post("/vms/" + Transport.segment(vm) + "/checkpoints", body, PATIENCE));
    }

    public List<CheckpointInfo> list() {
        return Decoding.list(transport.get("/checkpoints").path("checkpoints"), Decoding::checkpoint);
    }

    public CheckpointInfo get(String name) {
        return Decoding.checkpoint(transport.get("/checkpoints/" + Transport.segment(name)));
    }

    public void remove(String name) {
        transport.delete("/checkpoints/" + Transport.segment(name));
    }

    /**
     * Makes Tiny VMs that go on from a checkpoint, all or none.
     *
     * @param vmName of the Tiny VM, and with {@code -1}, {@code -2}, … of several; empty: made up
     */
    public List<VmInfo> restore(String checkpoint, int count, String vmName) {
        ObjectNode body = Transport.object();
        body.put("count", count);
        if (!vmName.isEmpty()) {
            body.put("name", vmName);
        }
        return Decoding.list(
                transport
                        .post("/checkpoints/" + Transport.segment(checkpoint) + "/restore", body, PATIENCE)
                        .path("vms"),
                Decoding::vm);
    }
}
