package dev.tinyvm.spec;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the manager's configuration, {@code tinyvm.yaml}; {@code docs/configuration.md} describes every key. Messages are those of
 * {@link DescriptorReader}. Stateless; for any thread.
 */
public final class ManagerConfigReader {
    private static final Keys ROOT =
            Keys.of("capacity", "volumes", "logs", "tls", "e2b", "llm", "ledger", "gvisor", "network", "images");
    private static final Keys CAPACITY = Keys.of("cpu", "memory");
    private static final Keys VOLUMES = Keys.of("hostPaths");
    private static final Keys LOGS = Keys.of("maxFileSize", "maxFiles");
    private static final Keys TLS = Keys.of("port", "certificate", "privateKey");
    private static final Keys GVISOR = Keys.of("sandboxes", "checkpoints");
    private static final Keys E2B = Keys.of("domain", "egress");
    private static final Pattern DOMAIN = Pattern.compile(
            "(?=.{1,253}(:|$))[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+"
                    + "(:[1-9][0-9]{0,4})?");

    private ManagerConfigReader() {}

    /**
     * Reads a file; one that does not exist is {@link ManagerConfig#DEFAULT}.
     *
     * @throws DescriptorException with every problem
     */
    public static ManagerConfig readFile(Path file) {
        if (Files.notExists(file)) {
            return ManagerConfig.DEFAULT;
        }
        return read(
                SourceFile.text(file), file.toString(), file.toAbsolutePath().getParent());
    }

    /**
     * Reads a text.
     *
     * @param directory what relative host paths are resolved against; without one they are refused
     * @throws DescriptorException with every problem
     */
    public static ManagerConfig read(String text, String sourceName, @Nullable Path directory) {
        Problems problems = new Problems();
        ManagerConfig config = DocumentParser.parse(text, problems)
                .flatMap(value -> Section.open(value, "", ROOT, problems))
                .map(root -> config(root, directory, problems))
                .orElse(ManagerConfig.DEFAULT);
        problems.throwIfAny(sourceName);
        return config;
    }

    private static ManagerConfig config(Section root, @Nullable Path directory, Problems problems) {
        Optional<Section> capacity = root.section("capacity", CAPACITY);
        int cpuMillis = capacity.map(section -> section.cpuMillis("cpu", -1)).orElse(-1);
        long memoryBytes = capacity.map(
                        section -> section.bytes("memory", Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES, -1))
                .orElse(-1L);
        Optional<Section> e2b = root.section("e2b", E2B);
        Optional<Section> gvisor = root.section("gvisor", GVISOR);
        Optional<Section> network = root.section("network", NetworkConfigSection.KEYS);
        return new ManagerConfig(
                cpuMillis < 0 ? OptionalInt.empty() : OptionalInt.of(cpuMillis),
                memoryBytes < 0 ? OptionalLong.empty() : OptionalLong.of(memoryBytes),
                root.section("volumes", VOLUMES)
                        .map(section -> hostPaths(section, directory, problems))
                        .orElse(List.of()),
                root.section("logs", LOGS).map(ManagerConfigReader::logs).orElse(ManagerConfig.Logs.DEFAULT),
                root.section("tls", TLS).map(section -> tls(section, directory)),
                e2b.flatMap(ManagerConfigReader::domain),
                root.section("llm", LlmConfigSection.KEYS)
                        .map(section -> LlmConfigSection.read(section, directory))
                        .orElse(LlmConfig.NONE),
                root.section("ledger", LedgerSection.KEYS)
                        .map(LedgerSection::read)
                        .orElse(ManagerConfig.Ledger.DEFAULT),
                gvisor.map(section -> section.integer(
                                "sandboxes", 0, Limits.MAX_GVISOR_SANDBOXES, ManagerConfig.DEFAULT_GVISOR_SANDBOXES))
                        .orElse(ManagerConfig.DEFAULT_GVISOR_SANDBOXES),
                gvisor.map(section -> section.bytes(
                                "checkpoints", 0, Quantities.MAX_BYTES, ManagerConfig.DEFAULT_CHECKPOINT_BYTES))
                        .orElse(ManagerConfig.DEFAULT_CHECKPOINT_BYTES),
                new NetworkConfig(
                        network.map(section -> NetworkConfigSection.credentials(section, directory))
                                .orElse(List.of()),
                        e2b.map(section -> NetworkSection.rules(section, "egress", problems))
                                .orElse(List.of()),
                        network.map(NetworkConfigSection::limits).orElse(NetworkConfig.Limits.DEFAULT),
                        network.flatMap(NetworkConfigSection::routedPool)),
                root.section("images", ImagesConfigSection.KEYS)
                        .map(section -> ImagesConfigSection.read(section, directory))
                        .orElse(ImagesConfig.NONE));
    }

    private static ManagerConfig.Logs logs(Section section) {
        ManagerConfig.Logs otherwise = ManagerConfig.Logs.DEFAULT;
        return new ManagerConfig.Logs(
                section.bytes(
                        "maxFileSize", Limits.MIN_LOG_FILE_BYTES, Limits.MAX_LOG_FILE_BYTES, otherwise.maxFileBytes()),
                section.integer("maxFiles", 1, Limits.MAX_LOG_FILES, otherwise.maxFiles()));
    }

    private static ManagerConfig.Tls tls(Section section, @Nullable Path directory) {
        Optional<String> certificate = file(section, "certificate", directory);
        Optional<String> privateKey = file(section, "privateKey", directory);
        if (section.has("certificate") != section.has("privateKey")) {
            section.problem(
                    section.has("certificate") ? "privateKey" : "certificate",
                    "is missing; a certificate and its private key belong together, name both, or neither for those of `tinyvm cert`");
        }
        return new ManagerConfig.Tls(
                section.integer("port", 0, 65_535, ManagerConfig.Tls.DEFAULT_PORT),
                certificate.flatMap(path -> privateKey.map(key -> new ManagerConfig.TlsFiles(path, key))));
    }

    private static Optional<String> file(Section section, String key, @Nullable Path directory) {
        return section.string(key)
                .flatMap(path -> Paths.hostPath(path, directory, message -> section.problem(key, message)));
    }

    private static Optional<String> domain(Section section) {
        return section.string("domain").filter(text -> {
            boolean fine = isDomain(text);
            if (!fine) {
                section.problem(
                        "domain",
                        "is " + Problems.quote(text)
                                + "; expected a lower-case DNS name of two parts or more, with its port when that is not 443, such as `e2b.localhost:7443`");
            }
            return fine;
        });
    }

    /** Whether that is a DNS name of at least two parts, lower case, with or without a port: wildcard certificates do not work for one part. */
    public static boolean isDomain(String text) {
        int colon = text.indexOf(':');
        return DOMAIN.matcher(text).matches() && (colon < 0 || Integer.parseInt(text.substring(colon + 1)) <= 65_535);
    }

    private static List<String> hostPaths(Section section, @Nullable Path directory, Problems problems) {
        Value value = section.value("hostPaths");
        if (value == null) {
            return List.of();
        }
        if (!(value instanceof Value.Listing list)) {
            section.problem(
                    "hostPaths", "is " + Section.shown(value) + "; expected a list of directories such as [/srv/data]");
            return List.of();
        }
        List<String> paths = new ArrayList<>();
        for (int i = 0; i < list.items().size(); i++) {
            Value item = list.items().get(i);
            String at = section.at("hostPaths") + "[" + i + "]";
            if (!(item instanceof Value.Scalar scalar) || !scalar.isString()) {
                problems.add(at, item, "is " + Section.shown(item) + "; expected a directory such as `/srv/data`");
                continue;
            }
            Paths.hostPath(scalar.text(), directory, message -> problems.add(at, item, message))
                    .ifPresent(path -> {
                        if (path.equals("/") || Paths.isReserved(path)) {
                            problems.add(
                                    at,
                                    item,
                                    "is " + Problems.quote(path)
                                            + "; /, /proc, /sys and /dev cannot be offered to Tiny VMs, name the directories that are meant");
                        } else if (paths.contains(path)) {
                            problems.add(
                                    at,
                                    item,
                                    "is " + Problems.quote(path) + ", which is in the list already; keep one");
                        } else {
                            paths.add(path);
                        }
                    });
        }
        return paths;
    }
}
