package dev.tinyvm.server.api;

import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.manager.Manager.AgentStatus;
import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.VmStats;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.Manager.VmUse;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.DescriptorWriter;
import dev.tinyvm.spec.Resources;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JsonGenerator;

/** VMs, agents and figures as the API's JSON. */
final class VmJson {
    private VmJson() {}

    /** @param descriptor whether what it was made from is included; lists leave it out */
    static void vm(JsonGenerator g, VmStatus vm, boolean descriptor) {
        Agent agent = vm.descriptor();
        g.writeStartObject();
        g.writeStringProperty("id", vm.id());
        g.writeStringProperty("name", vm.name());
        g.writeStringProperty("agent", vm.agent());
        g.writeStringProperty("image", agent.spec().image());
        texts(g, "command", agent.spec().command());
        textMap(g, "labels", agent.metadata().labels());
        resources(g, agent.spec().resources());
        g.writeStringProperty("engine", vm.engine());
        g.writeStringProperty("engineReason", vm.engineReason());
        g.writeStringProperty("pinnedImage", vm.pinnedImage());
        g.writeStringProperty("state", vm.state().word());
        g.writeStringProperty("reason", vm.reason());
        g.writeStringProperty("message", vm.message());
        if (vm.healthy().isPresent()) {
            g.writeBooleanProperty("healthy", vm.healthy().get());
        }
        g.writeNumberProperty("restarts", vm.restarts());
        if (vm.exitCode().isPresent()) {
            g.writeNumberProperty("exitCode", vm.exitCode().get());
        }
        if (vm.signal().isPresent()) {
            g.writeNumberProperty("signal", vm.signal().get());
        }
        g.writeNumberProperty("hostPid", vm.hostPid());
        g.writeStringProperty("createdAt", vm.createdAt().toString());
        instant(g, "startedAt", vm.startedAt());
        instant(g, "endedAt", vm.endedAt());
        if (vm.deadline().isPresent()) {
            Deadline deadline = vm.deadline().get();
            g.writeObjectPropertyStart("deadline");
            g.writeStringProperty("at", deadline.at().toString());
            g.writeStringProperty("action", deadline.action().name().toLowerCase(Locale.ROOT));
            g.writeEndObject();
        }
        VmUse use = vm.use();
        g.writeObjectPropertyStart("use");
        g.writeNumberProperty("activeSeconds", use.active().toMillis() / 1000.0);
        g.writeNumberProperty("waitingSeconds", use.waiting().toMillis() / 1000.0);
        g.writeNumberProperty("waits", use.waits());
        g.writeNumberProperty("cpuSeconds", use.cpuMicros() / 1e6);
        g.writeEndObject();
        if (descriptor) {
            descriptor(g, agent);
        }
        g.writeEndObject();
    }

    static void agent(JsonGenerator g, AgentStatus status) {
        Agent agent = status.agent();
        g.writeStartObject();
        g.writeStringProperty("name", agent.metadata().name());
        g.writeStringProperty("image", agent.spec().image());
        g.writeBooleanProperty("stopped", status.stopped());
        g.writeNumberProperty("replicas", agent.spec().replicas());
        g.writeNumberProperty("running", status.running());
        g.writeStringProperty("createdAt", status.createdAt().toString());
        g.writeArrayPropertyStart("vms");
        status.vms().forEach(vm -> vm(g, vm, false));
        g.writeEndArray();
        descriptor(g, agent);
        g.writeEndObject();
    }

    static void stats(JsonGenerator g, VmStats stats) {
        MachineStats machine = stats.machine();
        g.writeStartObject();
        g.writeStringProperty("id", stats.id());
        g.writeStringProperty("name", stats.name());
        g.writeStringProperty("state", stats.state().word());
        resources(g, stats.resources());
        g.writeNumberProperty("cpuCores", stats.cpuCores());
        g.writeNumberProperty("cpuMicros", machine.cpuMicros());
        g.writeNumberProperty("throttledMicros", machine.throttledMicros());
        g.writeNumberProperty("memoryBytes", machine.memoryBytes());
        g.writeNumberProperty("memoryPeakBytes", machine.memoryPeakBytes());
        g.writeNumberProperty("memoryLimitBytes", machine.memoryLimitBytes());
        g.writeNumberProperty("pids", machine.pids());
        g.writeNumberProperty("ioReadBytes", machine.ioReadBytes());
        g.writeNumberProperty("ioWriteBytes", machine.ioWriteBytes());
        g.writeNumberProperty("oomKills", machine.oomKills());
        g.writeNumberProperty("diskUsedBytes", machine.diskUsedBytes());
        g.writeNumberProperty("diskTotalBytes", machine.diskTotalBytes());
        g.writeNumberProperty("memoryMergedBytes", machine.memoryMergedBytes());
        g.writeBooleanProperty("frozen", machine.frozen());
        g.writeStringProperty("at", stats.at().toString());
        g.writeEndObject();
    }

    static void texts(JsonGenerator g, String name, List<String> texts) {
        g.writeArrayPropertyStart(name);
        texts.forEach(g::writeString);
        g.writeEndArray();
    }

    static void textMap(JsonGenerator g, String name, Map<String, String> map) {
        g.writeObjectPropertyStart(name);
        map.forEach(g::writeStringProperty);
        g.writeEndObject();
    }

    static void instant(JsonGenerator g, String name, Optional<Instant> at) {
        if (at.isPresent()) {
            g.writeStringProperty(name, at.get().toString());
        }
    }

    private static void resources(JsonGenerator g, Resources resources) {
        g.writeObjectPropertyStart("resources");
        g.writeNumberProperty("cpuMillis", resources.cpuMillis());
        g.writeNumberProperty("memoryBytes", resources.memoryBytes());
        g.writeNumberProperty("diskBytes", resources.diskBytes());
        g.writeNumberProperty("pids", resources.pids());
        g.writeEndObject();
    }

    private static void descriptor(JsonGenerator g, Agent agent) {
        g.writeName("descriptor");
        g.writeRawValue(DescriptorWriter.toJson(agent));
    }
}
