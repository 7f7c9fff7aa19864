package dev.tinyvm.e2b.control;

import dev.tinyvm.e2b.E2bSettings;
import dev.tinyvm.e2b.Sandbox;
import dev.tinyvm.e2b.Template;
import dev.tinyvm.manager.Manager.VmStats;
import dev.tinyvm.server.http.JsonBody;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.JsonNode;

/** E2B's JSON of sandboxes and templates. Field names are those of E2B's openapi.yml. */
final class SandboxJson {
    /** What SDKs compare with the features they need; the newest envd that this door answers like. */
    static final String ENVD_VERSION = "0.6.4";

    private static final String CLIENT = "tinyvm";

    private SandboxJson() {}

    /** The answer to create and connect: the only one that carries tokens. */
    static JsonBody opened(Sandbox sandbox, E2bSettings settings) {
        return g -> {
            g.writeStartObject();
            common(g, sandbox);
            domain(g, settings);
            g.writeStringProperty("envdAccessToken", settings.tokenKey().envd(sandbox.id()));
            if (sandbox.network().publicTraffic()) {
                g.writeNullProperty("trafficAccessToken");
            } else {
                g.writeStringProperty("trafficAccessToken", settings.tokenKey().traffic(sandbox.id()));
            }
            g.writeEndObject();
        };
    }

    /** One in full. */
    static JsonBody detail(Sandbox sandbox, E2bSettings settings) {
        return g -> {
            g.writeStartObject();
            listedFields(g, sandbox);
            domain(g, settings);
            g.writeStringProperty("envdAccessToken", settings.tokenKey().envd(sandbox.id()));
            g.writeBooleanProperty("allowInternetAccess", sandbox.internet());
            JsonNode network = sandbox.network().json();
            if (!network.isEmpty()) {
                g.writeName("network");
                tree(g, network);
            }
            g.writeObjectPropertyStart("lifecycle");
            g.writeStringProperty("onTimeout", sandbox.pausesOnTimeout() ? "pause" : "kill");
            g.writeBooleanProperty("autoResume", sandbox.autoResumes());
            g.writeEndObject();
            g.writeEndObject();
        };
    }

    static JsonBody list(List<Sandbox> sandboxes) {
        return g -> {
            g.writeStartArray();
            for (Sandbox sandbox : sandboxes) {
                g.writeStartObject();
                listedFields(g, sandbox);
                g.writeEndObject();
            }
            g.writeEndArray();
        };
    }

    static void metric(JsonGenerator g, Sandbox sandbox, VmStats stats) {
        var machine = stats.machine();
        g.writeStartObject();
        g.writeStringProperty("timestamp", stats.at().toString());
        g.writeNumberProperty("timestampUnix", stats.at().getEpochSecond());
        g.writeNumberProperty("cpuCount", sandbox.template().cpuCount());
        g.writeNumberProperty("cpuUsedPct", cpuPercent(sandbox, stats));
        g.writeNumberProperty("memUsed", machine.memoryBytes());
        g.writeNumberProperty("memTotal", machine.memoryLimitBytes());
        g.writeNumberProperty("memCache", 0);
        g.writeNumberProperty("diskUsed", machine.diskUsedBytes());
        g.writeNumberProperty("diskTotal", machine.diskTotalBytes());
        g.writeEndObject();
    }

    /** Of the CPU that it was promised, in percent with two digits. */
    static double cpuPercent(Sandbox sandbox, VmStats stats) {
        double promised = sandbox.vm().descriptor().spec().resources().cpuMillis() / 1000.0;
        return Math.round(stats.cpuCores() / promised * 10_000) / 100.0;
    }

    static void template(JsonGenerator g, Template template, Instant since) {
        g.writeStartObject();
        g.writeStringProperty("templateID", template.id());
        g.writeStringProperty("buildID", template.buildId().toString());
        g.writeStringProperty("buildStatus", "ready");
        g.writeNumberProperty("buildCount", 1);
        strings(g, "aliases", List.of(template.id()));
        strings(g, "names", List.of(template.id()));
        g.writeNumberProperty("cpuCount", template.cpuCount());
        g.writeNumberProperty("memoryMB", template.memoryMegabytes());
        g.writeNumberProperty("diskSizeMB", template.diskMegabytes());
        g.writeStringProperty("envdVersion", ENVD_VERSION);
        g.writeBooleanProperty("public", true);
        g.writeNullProperty("createdBy");
        g.writeNullProperty("lastSpawnedAt");
        g.writeNumberProperty("spawnCount", 0);
        g.writeStringProperty("createdAt", since.toString());
        g.writeStringProperty("updatedAt", since.toString());
        g.writeEndObject();
    }

    static void strings(JsonGenerator g, String name, List<String> values) {
        g.writeArrayPropertyStart(name);
        values.forEach(g::writeString);
        g.writeEndArray();
    }

    private static void common(JsonGenerator g, Sandbox sandbox) {
        g.writeStringProperty("sandboxID", sandbox.id());
        g.writeStringProperty("templateID", sandbox.template().id());
        g.writeStringProperty("alias", sandbox.template().id());
        g.writeStringProperty("clientID", CLIENT);
        g.writeStringProperty("envdVersion", ENVD_VERSION);
    }

    private static void listedFields(JsonGenerator g, Sandbox sandbox) {
        common(g, sandbox);
        g.writeStringProperty("state", sandbox.state());
        g.writeStringProperty("startedAt", sandbox.startedAt().toString());
        g.writeStringProperty("endAt", sandbox.endAt().toString());
        g.writeNumberProperty("cpuCount", sandbox.template().cpuCount());
        g.writeNumberProperty("memoryMB", sandbox.template().memoryMegabytes());
        g.writeNumberProperty("diskSizeMB", sandbox.template().diskMegabytes());
        g.writeObjectPropertyStart("metadata");
        for (Map.Entry<String, String> entry : sandbox.metadata().entrySet()) {
            g.writeStringProperty(entry.getKey(), entry.getValue());
        }
        g.writeEndObject();
        g.writeArrayPropertyStart("volumeMounts");
        g.writeEndArray();
    }

    private static void domain(JsonGenerator g, E2bSettings settings) {
        if (settings.publicDomain().isEmpty()) {
            g.writeNullProperty("domain");
        } else {
            g.writeStringProperty("domain", settings.publicDomain());
        }
    }

    private static void tree(JsonGenerator g, JsonNode node) {
        g.writeRawValue(node.toString());
    }
}
