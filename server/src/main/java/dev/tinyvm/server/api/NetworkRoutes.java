package dev.tinyvm.server.api;

import dev.tinyvm.manager.EgressReport;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import dev.tinyvm.spec.DescriptorWriter;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.NetworkReader;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.json.JsonMapper;

/** {@code /vms/{vm}/network} and {@code /vms/{vm}/egress}: what it may reach, and what it tried. */
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
            g.writeEndObject();
        });
    }

    private static void rules(JsonGenerator g, Network network) {
        g.writeName("egress");
        g.writeRawValue(JsonMapper.shared()
                .writeValueAsString(DescriptorWriter.network(network).getOrDefault("egress", java.util.List.of())));
    }
}
