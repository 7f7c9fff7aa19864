package dev.tinyvm.spec;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes an {@link Agent} in its canonical form: every default spelled out, quantities in their shortest exact form, keys in the order of
 * {@code docs/descriptor.md}. {@link DescriptorReader} reads it back to an equal agent.
 */
public final class DescriptorWriter {
    private DescriptorWriter() {}

    /** Maps, lists, strings, integers and booleans only, as any JSON library takes them. */
    public static Map<String, Object> toMap(Agent agent) {
        Map<String, Object> metadata = new LinkedHashMap<>();
        putUnlessEmpty(metadata, "name", agent.metadata().name());
        putUnlessEmpty(metadata, "labels", agent.metadata().labels());
        Map<String, Object> root = new LinkedHashMap<>();
        root.put("apiVersion", Agent.API_VERSION);
        root.put("kind", Agent.KIND);
        putUnlessEmpty(root, "metadata", metadata);
        root.put("spec", spec(agent.spec()));
        return root;
    }

    /** {@link #toMap} as JSON on one line. */
    public static String toJson(Agent agent) {
        return JsonText.of(toMap(agent));
    }

    private static Map<String, Object> spec(AgentSpec spec) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("image", spec.image());
        map.put("engine", spec.engine().word());
        putUnlessEmpty(map, "command", spec.command());
        putUnlessEmpty(map, "env", spec.env());
        putUnlessEmpty(map, "workingDir", spec.workingDir());
        putUnlessEmpty(map, "user", spec.user());
        map.put("resources", resources(spec.resources()));
        putUnlessEmpty(map, "volumes", volumes(spec.volumes()));
        map.put("restart", restart(spec.restart()));
        spec.health().ifPresent(health -> map.put("health", health(health)));
        map.put("stopGracePeriod", Quantities.formatDuration(spec.stopGracePeriod()));
        map.put("replicas", spec.replicas());
        putUnlessEmpty(map, "network", network(spec.network()));
        map.put("llm", llm(spec.llm()));
        map.put("idle", idle(spec.idle()));
        map.put("trust", spec.trust().word());
        spec.budget().nanoUsd().ifPresent(usd -> map.put("budget", Map.of("usd", LlmSection.usd(usd))));
        return map;
    }

    /** Resources as a descriptor writes them. */
    public static Map<String, Object> resources(Resources resources) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("cpu", Quantities.formatCpuMillis(resources.cpuMillis()));
        map.put("memory", Quantities.formatBytes(resources.memoryBytes()));
        map.put("disk", Quantities.formatBytes(resources.diskBytes()));
        map.put("pids", resources.pids());
        if (resources.memoryMerge()) {
            map.put("memoryMerge", true);
        }
        return map;
    }

    private static List<Map<String, Object>> volumes(List<Volume> volumes) {
        List<Map<String, Object>> list = new ArrayList<>();
        for (Volume volume : volumes) {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put(volume.isNamed() ? "name" : "hostPath", volume.source());
            map.put("mountPath", volume.mountPath());
            map.put("readOnly", volume.readOnly());
            volume.sizeBytes().ifPresent(bytes -> map.put("size", Quantities.formatBytes(bytes)));
            list.add(map);
        }
        return list;
    }

    private static Map<String, Object> restart(Restart restart) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("policy", restart.policy().word());
        map.put("maxRestarts", restart.maxRestarts());
        map.put("window", Quantities.formatDuration(restart.window()));
        map.put("backoff", Quantities.formatDuration(restart.backoff()));
        map.put("maxBackoff", Quantities.formatDuration(restart.maxBackoff()));
        restart.maxMemoryBytes().ifPresent(bytes -> map.put("maxMemory", Quantities.formatBytes(bytes)));
        return map;
    }

    private static Map<String, Object> health(Health health) {
        Map<String, Object> map = new LinkedHashMap<>();
        switch (health.check()) {
            case Health.Exec exec -> map.put("exec", exec.command());
            case Health.Tcp tcp -> map.put("tcp", Map.of("port", tcp.port()));
            case Health.Http http -> {
                Map<String, Object> target = new LinkedHashMap<>();
                target.put("port", http.port());
                target.put("path", http.path());
                map.put("http", target);
            }
        }
        map.put("interval", Quantities.formatDuration(health.interval()));
        map.put("timeout", Quantities.formatDuration(health.timeout()));
        map.put("startPeriod", Quantities.formatDuration(health.startPeriod()));
        map.put("retries", health.retries());
        return map;
    }

    /** Network rules as a descriptor writes them. */
    public static Map<String, Object> network(Network network) {
        List<Map<String, Object>> rules = new ArrayList<>();
        for (Network.Egress rule : network.egress()) {
            Map<String, Object> map = new LinkedHashMap<>();
            putUnlessEmpty(map, "host", rule.host());
            putUnlessEmpty(map, "cidr", rule.cidr());
            putUnlessEmpty(map, "ports", rule.ports());
            if (rule.deny()) {
                map.put("deny", true);
            }
            rule.credential().ifPresent(name -> map.put("credential", name));
            rules.add(map);
        }
        Map<String, Object> map = new LinkedHashMap<>();
        putUnlessEmpty(map, "egress", rules);
        if (network.attachment() != Network.Attachment.NONE) {
            map.put("interface", network.attachment().word());
        }
        return map;
    }

    private static Map<String, Object> llm(Llm llm) {
        Map<String, Object> budget = new LinkedHashMap<>();
        llm.budget().nanoUsd().ifPresent(nanos -> budget.put("usd", LlmSection.usd(nanos)));
        llm.budget().tokens().ifPresent(count -> budget.put("tokens", count));
        llm.budget().requests().ifPresent(count -> budget.put("requests", count));
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("models", llm.models());
        putUnlessEmpty(map, "budget", budget);
        llm.requestsPerMinute().ifPresent(count -> map.put("requestsPerMinute", count));
        llm.tokensPerMinute().ifPresent(count -> map.put("tokensPerMinute", count));
        return map;
    }

    private static Map<String, Object> idle(Idle idle) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("freezeOnLlm", idle.freezeOnLlm());
        idle.pauseAfter().ifPresent(after -> map.put("pauseAfter", Quantities.formatDuration(after)));
        idle.stopAfter().ifPresent(after -> map.put("stopAfter", Quantities.formatDuration(after)));
        return map;
    }

    private static void putUnlessEmpty(Map<String, Object> map, String key, Object value) {
        boolean empty = switch (value) {
            case String text -> text.isEmpty();
            case Map<?, ?> entries -> entries.isEmpty();
            case List<?> items -> items.isEmpty();
            default -> false;
        };
        if (!empty) {
            map.put(key, value);
        }
    }
}
