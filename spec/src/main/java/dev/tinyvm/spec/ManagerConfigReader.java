package dev.tinyvm.spec;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Reads the manager's configuration, {@code tinyvm.yaml}; {@code docs/configuration.md} describes every key. Messages are those of
 * {@link DescriptorReader}. Stateless; for any thread.
 */
public final class ManagerConfigReader {
    private static final Keys ROOT = Keys.of("capacity", "volumes", "logs")
            .with(Map.of(
                    "llm", "this version does not have the LLM gateway yet; remove the key",
                    "e2b", "this version has no settings for the E2B door yet; remove the key"));
    private static final Keys CAPACITY = Keys.of("cpu", "memory");
    private static final Keys VOLUMES = Keys.of("hostPaths");
    private static final Keys LOGS = Keys.of("maxFileSize", "maxFiles");

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
        return new ManagerConfig(
                cpuMillis < 0 ? OptionalInt.empty() : OptionalInt.of(cpuMillis),
                memoryBytes < 0 ? OptionalLong.empty() : OptionalLong.of(memoryBytes),
                root.section("volumes", VOLUMES)
                        .map(section -> hostPaths(section, directory, problems))
                        .orElse(List.of()),
                root.section("logs", LOGS).map(ManagerConfigReader::logs).orElse(ManagerConfig.Logs.DEFAULT));
    }

    private static ManagerConfig.Logs logs(Section section) {
        ManagerConfig.Logs otherwise = ManagerConfig.Logs.DEFAULT;
        return new ManagerConfig.Logs(
                section.bytes(
                        "maxFileSize", Limits.MIN_LOG_FILE_BYTES, Limits.MAX_LOG_FILE_BYTES, otherwise.maxFileBytes()),
                section.integer("maxFiles", 1, Limits.MAX_LOG_FILES, otherwise.maxFiles()));
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
