package dev.tinyvm.sdk;

import dev.tinyvm.spec.Resources;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;

/** From the API's JSON to records. By hand: a command line that lives 100 ms cannot afford to look at classes by reflection. */
final class Decoding {
    private Decoding() {}

    static VmInfo vm(JsonNode node) {
        return new VmInfo(
                text(node, "id"),
                text(node, "name"),
                text(node, "agent"),
                text(node, "image"),
                texts(node, "command"),
                textMap(node, "labels"),
                resources(node.path("resources")),
                text(node, "engine"),
                text(node, "engineReason"),
                text(node, "pinnedImage"),
                text(node, "state"),
                text(node, "reason"),
                text(node, "message"),
                node.has("healthy") ? Optional.of(node.path("healthy").asBoolean(false)) : Optional.empty(),
                node.path("restarts").asInt(0),
                optionalInt(node, "exitCode"),
                optionalInt(node, "signal"),
                node.path("hostPid").asLong(0),
                instant(node, "createdAt"),
                optionalInstant(node, "startedAt"),
                optionalInstant(node, "endedAt"),
                use(node.path("use")),
                node.has("descriptor") ? node.path("descriptor").toString() : "");
    }

    private static VmInfo.Use use(JsonNode node) {
        return new VmInfo.Use(
                node.path("activeSeconds").asDouble(0),
                node.path("waitingSeconds").asDouble(0),
                node.path("waits").asLong(0),
                node.path("cpuSeconds").asDouble(0));
    }

    static InterfaceInfo routedInterface(JsonNode node) {
        return new InterfaceInfo(
                node.path("name").asString(""),
                node.path("address").asString(""),
                node.path("gateway").asString(""),
                node.path("connectFilter").asBoolean(false),
                node.path("rules").asInt(0),
                node.path("bytesOut").asLong(0),
                node.path("bytesIn").asLong(0),
                node.path("connectsAllowed").asLong(0),
                node.path("connectsRefused").asLong(0),
                node.path("packetsDropped").asLong(0));
    }

    static VolumeInfo volume(JsonNode node) {
        return new VolumeInfo(
                text(node, "name"),
                node.path("sizeBytes").asLong(0),
                node.path("exclusive").asBoolean(false),
                instant(node, "createdAt"),
                node.has("usedBytes")
                        ? java.util.OptionalLong.of(node.path("usedBytes").asLong(0))
                        : java.util.OptionalLong.empty(),
                texts(node, "usedBy"));
    }

    static CheckpointInfo checkpoint(JsonNode node) {
        return new CheckpointInfo(
                text(node, "name"),
                text(node, "vm"),
                text(node, "vmName"),
                text(node, "image"),
                text(node, "pinnedImage"),
                text(node, "engine"),
                node.path("bytes").asLong(0),
                instant(node, "createdAt"),
                text(node, "owner"));
    }

    static AgentInfo agent(JsonNode node) {
        return new AgentInfo(
                text(node, "name"),
                text(node, "image"),
                node.path("stopped").asBoolean(false),
                node.path("replicas").asInt(0),
                node.path("running").asInt(0),
                instant(node, "createdAt"),
                list(node.path("vms"), Decoding::vm),
                node.has("descriptor") ? node.path("descriptor").toString() : "");
    }

    static Resources resources(JsonNode node) {
        return new Resources(
                node.path("cpuMillis").asInt(0),
                node.path("memoryBytes").asLong(0),
                node.path("diskBytes").asLong(0),
                node.path("pids").asInt(0));
    }

    static BillInfo bill(JsonNode node) {
        return new BillInfo(
                text(node, "by"),
                text(node, "currency"),
                list(
                        node.path("lines"),
                        line -> new BillInfo.Line(
                                text(line, "name"), text(line, "detail"), amounts(line.path("amounts")))),
                amounts(node.path("total")));
    }

    private static UsageAmounts amounts(JsonNode node) {
        return new UsageAmounts(
                text(node, "usd"),
                node.path("nanoUsd").asLong(0),
                node.path("cpuMicros").asLong(0),
                node.path("activeMillis").asLong(0),
                node.path("waitingMillis").asLong(0),
                node.path("pausedMillis").asLong(0),
                node.path("activeKibSeconds").asLong(0),
                node.path("waitingKibSeconds").asLong(0),
                node.path("pausedKibSeconds").asLong(0),
                node.path("egressBytes").asLong(0),
                node.path("requests").asLong(0),
                node.path("inputTokens").asLong(0),
                node.path("cachedInputTokens").asLong(0),
                node.path("outputTokens").asLong(0),
                node.path("computeNanoUsd").asLong(0),
                node.path("egressNanoUsd").asLong(0),
                node.path("llmNanoUsd").asLong(0));
    }

    static VmStats stats(JsonNode node) {
        return new VmStats(
                text(node, "id"),
                text(node, "name"),
                text(node, "state"),
                resources(node.path("resources")),
                node.path("cpuCores").asDouble(0),
                node.path("cpuMicros").asLong(0),
                node.path("throttledMicros").asLong(0),
                node.path("memoryBytes").asLong(0),
                node.path("memoryPeakBytes").asLong(0),
                node.path("memoryLimitBytes").asLong(0),
                node.path("pids").asInt(0),
                node.path("ioReadBytes").asLong(0),
                node.path("ioWriteBytes").asLong(0),
                node.path("oomKills").asLong(0),
                node.path("diskUsedBytes").asLong(0),
                node.path("diskTotalBytes").asLong(0),
                node.path("memoryMergedBytes").asLong(0),
                node.path("frozen").asBoolean(false),
                instant(node, "at"));
    }

    static ExecResult execResult(JsonNode node) {
        return new ExecResult(
                node.path("exitCode").asInt(-1),
                node.path("signal").asInt(0),
                bytes(node, "stdout"),
                bytes(node, "stderr"),
                node.path("stdoutTruncated").asBoolean(false),
                node.path("stderrTruncated").asBoolean(false),
                node.path("timedOut").asBoolean(false),
                node.path("cpuMicros").asLong(0),
                node.path("maxRssBytes").asLong(0));
    }

    static ProcessStatus process(JsonNode node) {
        return new ProcessStatus(
                node.path("processId").asInt(0),
                node.path("pid").asInt(0),
                node.path("running").asBoolean(false),
                node.path("terminal").asBoolean(false),
                text(node, "tag"),
                texts(node, "command"),
                instant(node, "startedAt"));
    }

    static FileEntry file(JsonNode node) {
        return new FileEntry(
                text(node, "type"),
                Integer.parseInt(node.path("mode").asString("0"), 8),
                node.path("size").asLong(0),
                node.path("uid").asInt(0),
                node.path("gid").asInt(0),
                instant(node, "modifiedAt"),
                text(node, "path"),
                text(node, "owner"),
                text(node, "group"),
                node.has("linkTarget") ? Optional.of(text(node, "linkTarget")) : Optional.empty());
    }

    static FileChange change(JsonNode node) {
        return new FileChange(text(node, "kind"), text(node, "path"));
    }

    static LogEntry logEntry(JsonNode node) {
        return new LogEntry(instant(node, "at"), text(node, "stream"), text(node, "text"));
    }

    static VmEvent event(JsonNode node) {
        return new VmEvent(
                node.path("sequence").asLong(0),
                instant(node, "at"),
                text(node, "type"),
                text(node, "vmId"),
                text(node, "vmName"),
                text(node, "agent"),
                text(node, "message"),
                textMap(node, "attributes"));
    }

    static ApiKey key(JsonNode node) {
        return new ApiKey(
                text(node, "id"), text(node, "name"), instant(node, "createdAt"), optionalInstant(node, "lastUsedAt"));
    }

    static HostInfo host(JsonNode node) {
        return new HostInfo(
                text(node, "version"),
                instant(node, "startedAt"),
                node.path("cpuMillisCapacity").asInt(0),
                node.path("cpuMillisPromised").asInt(0),
                node.path("memoryBytesCapacity").asLong(0),
                node.path("memoryBytesPromised").asLong(0),
                node.path("vmsLive").asInt(0),
                node.path("vmsPending").asInt(0),
                list(
                        node.path("engines"),
                        e -> new HostInfo.EngineInfo(
                                text(e, "engine"), e.path("available").asBoolean(false), text(e, "detail"))));
    }

    /** @param node the whole answer, {@code {"error": …}} */
    static TinyVmException error(int status, JsonNode node) {
        JsonNode error = node.path("error");
        return new TinyVmException(
                status,
                error.path("code").asString("error"),
                error.path("message").asString("the manager answered with status " + status),
                text(error, "hint"),
                text(error, "requestId"),
                text(error, "errno"),
                list(
                        error.path("problems"),
                        p -> new TinyVmException.Problem(
                                text(p, "path"),
                                p.path("line").asInt(0),
                                p.path("column").asInt(0),
                                text(p, "message"))));
    }

    static <T> List<T> list(JsonNode array, Function<JsonNode, T> item) {
        List<T> items = new ArrayList<>(array.size());
        for (JsonNode node : array) {
            items.add(item.apply(node));
        }
        return List.copyOf(items);
    }

    static String text(JsonNode node, String name) {
        return node.path(name).asString("");
    }

    private static List<String> texts(JsonNode node, String name) {
        return list(node.path(name), item -> item.asString(""));
    }

    private static Map<String, String> textMap(JsonNode node, String name) {
        Map<String, String> map = new LinkedHashMap<>();
        node.path(name)
                .properties()
                .forEach(e -> map.put(e.getKey(), e.getValue().asString("")));
        return map;
    }

    private static OptionalInt optionalInt(JsonNode node, String name) {
        return node.has(name) ? OptionalInt.of(node.path(name).asInt(0)) : OptionalInt.empty();
    }

    private static Instant instant(JsonNode node, String name) {
        return optionalInstant(node, name).orElse(Instant.EPOCH);
    }

    private static Optional<Instant> optionalInstant(JsonNode node, String name) {
        String text = text(node, name);
        return text.isEmpty() ? Optional.empty() : Optional.of(Instant.parse(text));
    }

    private static byte[] bytes(JsonNode node, String name) {
        String text = text(node, name);
        return text(node, name + "Encoding").equals("base64")
                ? Base64.getDecoder().decode(text)
                : text.getBytes(StandardCharsets.UTF_8);
    }
}
