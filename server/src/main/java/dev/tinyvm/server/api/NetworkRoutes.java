package dev.tinyvm.server.api;

import dev.tinyvm.manager.EgressReport;
import dev.tinyvm.manager.InterfaceReport;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import dev.tinyvm.spec.DescriptorWriter;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.NetworkReader;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.json.JsonMapper;

/** {@code /vms/{vm}/network}, its {@code interface}, and {@code /vms/{vm}/egress}: what it may reach and by what, and what it tried. */
final class NetworkRoutes {
    private static final int DEFAULT_LINES = 100;
    private static final int MAX_LINES = 10_000;

    private final Manager manager;

    NetworkRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        router.add(Route.of(
                "GET",
                base + "/vms/{vm}/network",
                call -> network(
                        call,
                        manager.vm(call.variable("vm")).descriptor().spec().network())));
        router.add(Route.of("PUT", base + "/vms/{vm}/network", this::change));
        router.add(Route.of("GET", base + "/vms/{vm}/egress", this::egress));
        String plug = base + "/vms/{vm}/network/interface";
        router.add(Route.of("GET", plug, this::plugged));
        router.add(Route.of("POST", plug, call -> {
            call.takesLong();
            VmStatus vm = manager.attachNetwork(call.variable("vm"));
            call.json(200, g -> VmJson.vm(g, vm, true));
        }));
        router.add(Route.of("DELETE", plug, call -> {
            call.takesLong();
            VmStatus vm = manager.detachNetwork(call.variable("vm"));
            call.json(200, g -> VmJson.vm(g, vm, true));
        }));
    }

    private void plugged(Call call) {
        String vm = call.variable("vm");
        InterfaceReport report = manager.networkInterface(vm)
                .orElseThrow(() -> new ManagerException(
                        ManagerException.Code.NOT_FOUND,
                        manager.vm(vm).name() + " has no routed interface now; attach one: tinyvm attach " + vm
                                + " --network"));
        call.json(200, g -> {
            g.writeStartObject();
            g.writeStringProperty("name", report.about().name());
            g.writeStringProperty("address", report.about().address());
            g.writeStringProperty("gateway", report.about().gateway());
            g.writeBooleanProperty("connectFilter", report.about().connectFilter());
            g.writeNumberProperty("rules", report.rules());
            g.writeNumberProperty("bytesOut", report.counters().bytesOut());
            g.writeNumberProperty("bytesIn", report.counters().bytesIn());
            g.writeNumberProperty("connectsAllowed", report.counters().connectsAllowed());
            g.writeNumberProperty("connectsRefused", report.counters().connectsRefused());
            g.writeNumberProperty("packetsDropped", report.counters().packetsDropped());
            g.writeEndObject();
        });
    }

    private void change(Call call) {
        Network network = NetworkReader.read(Descriptors.body(call), "network");
        call.takesLong();
        network(
                call,
                manager.setNetwork(call.variable("vm"), network)
                        .descriptor()
                        .spec()
                        .network());
    }

    private void egress(Call call) {
        EgressReport report =
                manager.egress(call.variable("vm"), (int) call.number("lines", 0, MAX_LINES, DEFAULT_LINES));
        call.json(200, g -> {
            g.writeStartObject();
            rules(g, report.network());
            g.writeNumberProperty("underWay", report.underWay());
            g.writeNumberProperty("bytesOut", report.bytesOut());
            g.writeNumberProperty("bytesIn", report.bytesIn());
            g.writeNumberProperty("allowed", report.allowed());
            g.writeNumberProperty("refused", report.refused());
            g.writeArrayPropertyStart("log");
            report.log().forEach(g::writeRawValue);
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private static void network(Call call, Network network) {
        call.json(200, g -> {
            g.writeStartObject();
            rules(g, network);
            if (network.routed()) {
                g.writeStringProperty("interface", network.attachment().word());
            }
            g.writeEndObject();
        });
    }

    private static void rules(JsonGenerator g, Network network) {
        g.writeName("egress");
        g.writeRawValue(JsonMapper.shared()
                .writeValueAsString(DescriptorWriter.network(network).getOrDefault("egress", java.util.List.of())));
    }
}
