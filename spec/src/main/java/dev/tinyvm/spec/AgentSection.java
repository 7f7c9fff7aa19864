package dev.tinyvm.spec;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Turns the tree of a descriptor into an {@link Agent}. */
final class AgentSection {
    private static final Keys ROOT = Keys.of("apiVersion", "kind", "metadata", "spec")
            .with(Map.of(
                    "name", "belongs under metadata: `metadata: {name: …}`",
                    "labels", "belongs under metadata: `metadata: {labels: …}`",
                    "image", "belongs under spec: `spec: {image: …}`",
                    "command", "belongs under spec: `spec: {command: […]}`",
                    "resources", "belongs under spec: `spec: {resources: …}`",
                    "replicas", "belongs under spec: `spec: {replicas: …}`"));
    private static final Keys METADATA = Keys.of("name", "labels")
            .with(Map.of(
                    "namespace", "there are no namespaces; remove the key, or use a label",
                    "annotations", "there are no annotations; use labels"));
    private static final Keys SPEC = Keys.of(
                    "image",
                    "engine",
                    "command",
                    "env",
                    "workingDir",
                    "user",
                    "resources",
                    "volumes",
                    "restart",
                    "health",
                    "stopGracePeriod",
                    "replicas",
                    "network",
                    "llm",
                    "idle",
                    "trust",
                    "budget")
            .with(Map.ofEntries(
                    Map.entry("cpu", "belongs under resources: `resources: {cpu: …}`"),
                    Map.entry("memory", "belongs under resources: `resources: {memory: …}`"),
                    Map.entry("disk", "belongs under resources: `resources: {disk: …}`"),
                    Map.entry("pids", "belongs under resources: `resources: {pids: …}`"),
                    Map.entry("args", "is an unknown key; put program and arguments together into `command`"),
                    Map.entry("workdir", "is an unknown key; did you mean `workingDir`?"),
                    Map.entry("cwd", "is an unknown key; did you mean `workingDir`?"),
                    Map.entry(
                            "ports",
                            "is an unknown key; every port on which something inside listens can be reached through the manager, and what may be reached from inside stands under `network: {egress: […]}`"),
                    Map.entry("idlePolicy", "is an unknown key; did you mean `idle`?"),
                    Map.entry("egress", "belongs under network: `network: {egress: […]}`"),
                    Map.entry("name", "belongs under metadata: `metadata: {name: …}`"),
                    Map.entry("labels", "belongs under metadata: `metadata: {labels: …}`")));
    private static final Keys RESOURCES = Keys.of("cpu", "memory", "disk", "pids", "memoryMerge")
            .with(
                    Map.of(
                            "limits",
                                    "there is one set of resources, which is both request and limit; write cpu and memory directly under resources",
                            "requests",
                                    "there is one set of resources, which is both request and limit; write cpu and memory directly under resources"));
    private static final Keys VOLUME = Keys.of("name", "hostPath", "mountPath", "readOnly", "size");
    private static final Keys RESTART =
            Keys.of("policy", "maxRestarts", "window", "backoff", "maxBackoff", "maxMemory");
    private static final Keys HEALTH = Keys.of("exec", "tcp", "http", "interval", "timeout", "startPeriod", "retries");
    private static final Keys TCP = Keys.of("port");
    private static final Keys HTTP = Keys.of("port", "path");

    private final Problems problems;
    private final @Nullable Path directory;

    AgentSection(Problems problems, @Nullable Path directory) {
        this.problems = problems;
        this.directory = directory;
    }

    /** The agent; meaningless when problems were added. */
    Optional<Agent> read(Value value) {
        return Section.open(value, "", ROOT, problems).map(root -> {
            fixed(root, "apiVersion", Agent.API_VERSION);
            fixed(root, "kind", Agent.KIND);
            Metadata metadata =
                    root.section("metadata", METADATA).map(this::metadata).orElseGet(() -> new Metadata("", Map.of()));
            if (!root.has("spec")) {
                problems.add("spec", value, "is missing; it says what runs, at the least `spec: {image: host}`");
            }
            AgentSpec spec = root.section("spec", SPEC).map(this::spec).orElseGet(() -> AgentSpec.of("host"));
            return new Agent(metadata, spec);
        });
    }

    private static void fixed(Section root, String key, String only) {
        root.string(key)
                .filter(found -> !found.equals(only))
                .ifPresent(found -> root.problem(
                        key,
                        "is " + Problems.quote(found) + "; the only one that this version reads is `" + only + "`"));
    }

    private Metadata metadata(Section section) {
        Optional<String> name = section.string("name");
        name.flatMap(Names::wrongAgentName).ifPresent(wrong -> section.problem("name", wrong));
        Map<String, String> labels = section.map(
                "labels",
                Limits.MAX_LABELS,
                false,
                key -> Names.wrongLabelKey(key).orElse(null));
        labels.forEach((key, label) -> Names.wrongLabelValue(label)
                .ifPresent(wrong ->
                        problems.add(section.at("labels") + "." + key, section.placeOf("labels", key), wrong)));
        return new Metadata(name.orElse(""), labels);
    }

    private AgentSpec spec(Section section) {
        Optional<String> image = section.string("image");
        image.flatMap(Names::wrongImage).ifPresent(wrong -> section.problem("image", wrong));
        if (!section.has("image")) {
            section.problem(
                    "image",
                    "is missing; write `image: host` for this machine's own programs, or the name of an imported image");
        }
        Map<String, EngineChoice> engines = new LinkedHashMap<>();
        Arrays.stream(EngineChoice.values()).forEach(choice -> engines.put(choice.word(), choice));
        Map<String, Trust> trusts = new LinkedHashMap<>();
        Arrays.stream(Trust.values()).forEach(trust -> trusts.put(trust.word(), trust));
        EngineChoice engine = section.word("engine", engines, EngineChoice.AUTO);
        List<String> command = section.command("command").orElse(List.of());
        Map<String, String> env = section.map(
                "env", Limits.MAX_ENV, true, name -> Names.wrongEnvName(name).orElse(null));
        checkSize(section, command, env);
        String workingDir = section.string("workingDir")
                .flatMap(path -> Paths.absolute(section, "workingDir", path))
                .orElse("");
        Optional<String> user = section.stringOrNumber("user");
        user.flatMap(Names::wrongUser).ifPresent(wrong -> section.problem("user", wrong));
        return AgentSpec.of(image.map(name -> directory == null ? name : ProgramImages.resolve(name, directory))
                        .orElse("host"))
                .change()
                .engine(engine)
                .trust(section.word("trust", trusts, Trust.TRUSTED))
                .command(command)
                .env(env)
                .workingDir(workingDir)
                .user(user.orElse(""))
                .resources(section.section("resources", RESOURCES)
                        .map(AgentSection::resources)
                        .orElse(Resources.DEFAULT))
                .volumes(volumes(section))
                .restart(section.section("restart", RESTART)
                        .map(AgentSection::restart)
                        .orElse(Restart.DEFAULT))
                .health(section.section("health", HEALTH).flatMap(AgentSection::health))
                .stopGracePeriod(section.duration(
                        "stopGracePeriod", Duration.ZERO, Limits.MAX_STOP_GRACE, Limits.DEFAULT_STOP_GRACE))
                .replicas(section.integer("replicas", 0, Limits.MAX_REPLICAS, 1))
                .network(section.section("network", NetworkSection.KEYS)
                        .map(network -> NetworkSection.read(network, problems))
                        .orElse(Network.NONE))
                .llm(section.section("llm", LlmSection.KEYS)
                        .map(LlmSection::read)
                        .orElse(Llm.DEFAULT))
                .budget(section.section("budget", BudgetSection.KEYS)
                        .map(BudgetSection::read)
                        .orElse(Budget.NONE))
                .idle(section.section("idle", IdleSection.KEYS)
                        .map(IdleSection::read)
                        .orElse(Idle.DEFAULT))
                .build();
    }

    private static void checkSize(Section section, List<String> command, Map<String, String> env) {
        int bytes = command.stream().mapToInt(word -> Limits.bytes(word) + 4).sum()
                + env.entrySet().stream()
                        .mapToInt(entry -> Limits.bytes(entry.getKey()) + Limits.bytes(entry.getValue()) + 5)
                        .sum();
        if (bytes > Limits.MAX_COMMAND_AND_ENV_BYTES) {
            section.problem(
                    section.has("env") ? "env" : "command",
                    "command and environment together take " + bytes + " bytes; at most "
                            + Limits.MAX_COMMAND_AND_ENV_BYTES + " are allowed, put large data into a file");
        }
    }

    private static Resources resources(Section section) {
        return new Resources(
                section.cpuMillis("cpu", Resources.DEFAULT.cpuMillis()),
                section.bytes(
                        "memory", Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES, Resources.DEFAULT.memoryBytes()),
                section.bytes("disk", Resources.MIN_DISK_BYTES, Quantities.MAX_BYTES, Resources.DEFAULT.diskBytes()),
                section.integer("pids", 1, Resources.MAX_PIDS, Resources.DEFAULT.pids()),
                section.bool("memoryMerge", false));
    }

    private List<Volume> volumes(Section section) {
        Value value = section.value("volumes");
        if (value == null) {
            return List.of();
        }
        if (!(value instanceof Value.Listing list)) {
            section.problem(
                    "volumes",
                    "is " + Section.shown(value) + "; expected a list such as [{name: notes, mountPath: /notes}]");
            return List.of();
        }
        if (list.items().size() > Limits.MAX_VOLUMES) {
            section.problem(
                    "volumes",
                    "has " + list.items().size() + " entries; at most " + Limits.MAX_VOLUMES + " are allowed");
            return List.of();
        }
        List<Volume> volumes = new ArrayList<>();
        Map<String, Integer> lines = new HashMap<>();
        for (int i = 0; i < list.items().size(); i++) {
            Optional<Section> entry =
                    Section.open(list.items().get(i), section.at("volumes") + "[" + i + "]", VOLUME, problems);
            entry.flatMap(this::volume).ifPresent(volume -> {
                Section at = entry.get();
                Value mountPath = at.value("mountPath");
                int line = mountPath == null ? 0 : mountPath.line();
                Integer first = lines.putIfAbsent(volume.mountPath(), line);
                if (first != null) {
                    at.problem(
                            "mountPath",
                            "is " + Problems.quote(volume.mountPath()) + ", where line " + first
                                    + " mounts already; choose another path");
                }
                volumes.add(volume);
            });
        }
        return volumes;
    }

    private Optional<Volume> volume(Section section) {
        boolean named = section.has("name");
        if (!named && !section.has("hostPath")) {
            section.problem(
                    "hostPath",
                    "is missing; a volume is {name: notes, mountPath: /notes} or {hostPath: /srv/data, mountPath: /data, readOnly: true}");
        }
        if (named && section.has("hostPath")) {
            section.problem("hostPath", "stands beside `name`; a volume has one of the two");
        }
        if (!named && section.has("size")) {
            section.problem("size", "is only for a named volume; a host directory is as large as its disk");
        }
        if (!section.has("mountPath")) {
            section.problem("mountPath", "is missing; it is where the volume is seen inside, such as /data");
        }
        Optional<String> name = section.string("name").filter(text -> {
            Optional<String> wrong = Volume.wrongName(text);
            wrong.ifPresent(message -> section.problem("name", message));
            return wrong.isEmpty();
        });
        Optional<String> hostPath = section.string("hostPath")
                .flatMap(path -> Paths.hostPath(path, directory, message -> section.problem("hostPath", message)));
        Optional<String> mountPath =
                section.string("mountPath").flatMap(path -> Paths.mountPath(section, "mountPath", path));
        boolean readOnly = section.bool("readOnly", false);
        long size = section.bytes("size", Resources.MIN_DISK_BYTES, Quantities.MAX_BYTES, -1);
        OptionalLong sizeBytes = size < 0 ? OptionalLong.empty() : OptionalLong.of(size);
        return mountPath.flatMap(mount -> named
                ? name.map(known -> new Volume(known, "", mount, readOnly, sizeBytes))
                : hostPath.map(host -> new Volume(host, mount, readOnly)));
    }

    private static Restart restart(Section section) {
        Map<String, Restart.Policy> policies = new LinkedHashMap<>();
        Arrays.stream(Restart.Policy.values()).forEach(policy -> policies.put(policy.word(), policy));
        Restart otherwise = Restart.DEFAULT;
        Duration backoff = section.duration("backoff", Limits.MIN_BACKOFF, Limits.MAX_BACKOFF, otherwise.backoff());
        Duration maxBackoff = section.duration(
                "maxBackoff",
                Limits.MIN_BACKOFF,
                Limits.MAX_BACKOFF,
                backoff.compareTo(otherwise.maxBackoff()) > 0 ? backoff : otherwise.maxBackoff());
        if (maxBackoff.compareTo(backoff) < 0) {
            section.problem(
                    "maxBackoff",
                    "is " + Quantities.formatDuration(maxBackoff) + ", shorter than backoff ("
                            + Quantities.formatDuration(backoff) + "), which it bounds; make it at least as long");
        }
        long maxMemory = section.bytes("maxMemory", Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES, -1);
        return new Restart(
                section.word("policy", policies, otherwise.policy()),
                section.integer("maxRestarts", 0, Limits.MAX_RESTARTS, otherwise.maxRestarts()),
                section.duration("window", Limits.MIN_WINDOW, Limits.MAX_WINDOW, otherwise.window()),
                backoff,
                maxBackoff,
                maxMemory < 0 ? OptionalLong.empty() : OptionalLong.of(maxMemory));
    }

    private static Optional<Health> health(Section section) {
        List<String> given =
                List.of("exec", "tcp", "http").stream().filter(section::has).toList();
        if (given.size() != 1) {
            String key = given.isEmpty() ? "exec" : given.get(1);
            section.problem(
                    key,
                    given.isEmpty()
                            ? "is missing; a health check has one of exec: [command…], tcp: {port: N}, http: {port: N, path: /}"
                            : "stands beside `" + given.get(0)
                                    + "`; a health check has exactly one of exec, tcp, http");
        }
        Optional<Health.Check> check = section.command("exec").map(Health.Exec::new);
        if (check.isPresent() && ((Health.Exec) check.get()).command().isEmpty()) {
            section.problem("exec", "is an empty list; expected a command such as [test, -f, /tmp/ok]");
        }
        check = check.or(() -> section.section("tcp", TCP).map(tcp -> new Health.Tcp(port(tcp))))
                .or(() -> section.section("http", HTTP).map(AgentSection::http));
        Duration interval =
                section.duration("interval", Limits.MIN_HEALTH_INTERVAL, Limits.MAX_HEALTH, Health.DEFAULT_INTERVAL);
        Duration timeout =
                section.duration("timeout", Limits.MIN_HEALTH_TIMEOUT, Limits.MAX_HEALTH, Health.DEFAULT_TIMEOUT);
        Duration startPeriod = section.duration("startPeriod", Duration.ZERO, Limits.MAX_HEALTH, Duration.ZERO);
        int retries = section.integer("retries", 1, Limits.MAX_RETRIES, Health.DEFAULT_RETRIES);
        return check.map(what -> new Health(what, interval, timeout, startPeriod, retries));
    }

    private static Health.Http http(Section section) {
        String path = section.string("path").orElse("/");
        if (!path.matches("/[!-~]{0,2047}")) {
            section.problem(
                    "path",
                    "is " + Problems.quote(path)
                            + "; expected a URL path such as `/healthz`: it starts with `/` and has no spaces");
        }
        return new Health.Http(port(section), path);
    }

    private static int port(Section section) {
        if (!section.has("port")) {
            section.problem("port", "is missing; expected a whole number from 1 to 65535");
        }
        return section.integer("port", 1, 65_535, 1);
    }
}
