package dev.tinyvm.cli;

import static dev.tinyvm.cli.ResizeCommand.quantity;

import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.DescriptorReader;
import dev.tinyvm.spec.EngineChoice;
import dev.tinyvm.spec.Llm;
import dev.tinyvm.spec.Metadata;
import dev.tinyvm.spec.ProgramImages;
import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What {@code run} says of its Tiny VM; whatever is given wins over the descriptor's word. */
final class VmOptions {
    private static final String RECORD_LABEL = "tinyvm.dev/llm-record";
    private static final String REPLAY_LABEL = "tinyvm.dev/llm-replay";
    private static final Duration STOP_GRACE = Duration.ofSeconds(10);

    @Option(names = "--name", paramLabel = "NAME", description = "Its name (default: made up).")
    @Nullable
    String name;

    @Option(names = "--engine", paramLabel = "E", description = "auto, container, wasm, gvisor, crun, runc or microvm.")
    @Nullable
    String engine;

    @Option(names = "--cpu", paramLabel = "CORES", description = "In steps of 0.1 (default: 0.5).")
    @Nullable
    String cpu;

    @Option(names = "--memory", paramLabel = "SIZE", description = "Such as 128Mi (default: 64Mi).")
    @Nullable
    String memory;

    @Option(names = "--disk", paramLabel = "SIZE", description = "Of the writable layer (default: 256Mi).")
    @Nullable
    String disk;

    @Option(names = "--pids", paramLabel = "N", description = "Processes and threads together (default: 64).")
    @Nullable
    Integer pids;

    @Option(
            names = {"-e", "--env"},
            paramLabel = "NAME=value",
            description = "Environment; NAME alone takes the value from here.")
    List<String> env = new ArrayList<>();

    @Option(
            names = {"-l", "--label"},
            paramLabel = "K=V",
            description = "Labels.")
    Map<String, String> labels = new LinkedHashMap<>();

    @Option(
            names = {"-v", "--volume"},
            paramLabel = "HOST:INSIDE[:ro]",
            description = "Mount a host directory; the manager's configuration must allow it.")
    List<String> volumes = new ArrayList<>();

    @Option(
            names = {"-w", "--workdir"},
            paramLabel = "DIR",
            description = "Directory inside (default: the user's home).")
    @Nullable
    String workingDir;

    @Option(
            names = {"-u", "--user"},
            paramLabel = "USER",
            description = "User inside (default: the image's).")
    @Nullable
    String user;

    @Option(
            names = "--record",
            paramLabel = "NAME",
            description = "Record its LLM calls under this name, for --replay; 'tinyvm tape ls' lists recordings.")
    @Nullable
    String record;

    @Option(
            names = "--replay",
            paramLabel = "NAME",
            description = "Answer its LLM calls from the recording, bit for bit, without a provider.")
    @Nullable
    String replay;

    @Option(
            names = "--replay-match",
            paramLabel = "HOW",
            description =
                    "exact: the same requests (default); order: the same paths in the same order, for prompts that hold the time of day.")
    @Nullable
    String replayMatch;

    @Option(
            names = "--no-llm",
            description = "No LLM calls, whatever the descriptor, the configuration or the environment offers.")
    boolean noLlm;

    /** The agent that image (or descriptor file), command and options make together. @param background whether nobody looks on: no command means no main process then, not a shell */
    Agent agent(String image, List<String> command, boolean background, Shell shell) {
        boolean file = image.endsWith(".yaml") || image.endsWith(".yml") || image.endsWith(".json");
        Agent base = file ? DescriptorReader.readFile(Path.of(image)) : ofImage(image);
        AgentSpec spec = base.spec();
        List<String> argv = !command.isEmpty() ? command : spec.command();
        if (argv.isEmpty() && !background && spec.image().equals("host")) {
            argv = List.of("/bin/bash", "-l"); // other images have a command of their own, which the manager fills in
        }
        Map<String, String> environment = new LinkedHashMap<>(spec.env());
        environment.putAll(Environment.parse(env, shell));
        List<Volume> mounts = new ArrayList<>(spec.volumes());
        volumes.forEach(v -> mounts.add(volume("-v", v)));
        Map<String, String> allLabels = new LinkedHashMap<>(base.metadata().labels());
        allLabels.putAll(labels);
        tape(allLabels);
        return new Agent(
                new Metadata(name != null ? name : base.metadata().name(), allLabels),
                spec.change()
                        .engine(engine == null ? spec.engine() : engineChoice(engine))
                        .command(argv)
                        .env(environment)
                        .workingDir(workingDir == null ? spec.workingDir() : workingDir)
                        .user(user == null ? spec.user() : user)
                        .resources(resources(spec.resources()))
                        .volumes(mounts)
                        .llm(
                                noLlm
                                        ? new Llm(
                                                List.of(), Llm.Budget.NONE, OptionalLong.empty(), OptionalLong.empty())
                                        : spec.llm())
                        .replicas(1)
                        .build());
    }

    /** The option, or the label in its place, that needs a manager which outlives the run, since its recordings do; empty: there is none. */
    static Optional<String> needsManager(Agent agent) {
        Map<String, String> labels = agent.metadata().labels();
        return labels.containsKey(RECORD_LABEL)
                ? Optional.of("--record")
                : labels.containsKey(REPLAY_LABEL) ? Optional.of("--replay") : Optional.empty();
    }

    /** The manager's gateway reads these labels. */
    private void tape(Map<String, String> allLabels) {
        if (record != null && replay != null) {
            throw new CliException(ExitCode.USAGE, "--record and --replay exclude each other");
        }
        if (replayMatch != null && !(replayMatch.equals("exact") || replayMatch.equals("order"))) {
            throw new CliException(ExitCode.USAGE, "--replay-match " + replayMatch + ": there is exact and order");
        }
        if (record != null) {
            allLabels.put(RECORD_LABEL, record);
        }
        if (replay != null) {
            allLabels.put(REPLAY_LABEL, replay);
        }
        if (replayMatch != null) {
            allLabels.put("tinyvm.dev/llm-replay-match", replayMatch);
        }
    }

    private static Agent ofImage(String image) {
        return new Agent(
                new Metadata("", Map.of()),
                AgentSpec.of(here(image)).change().stopGracePeriod(STOP_GRACE).build());
    }

    /** A program's file that is here, in full: the manager has another directory. One that is not here may be the manager's. */
    private static String here(String image) {
        Path file = Path.of(image);
        return ProgramImages.isFile(image) && (image.contains("/") || Files.exists(file))
                ? file.toAbsolutePath().normalize().toString()
                : image;
    }

    private Resources resources(Resources base) {
        return new Resources(
                cpu == null ? base.cpuMillis() : quantity("--cpu", cpu, Quantities::parseCpuMillis),
                memory == null ? base.memoryBytes() : quantity("--memory", memory, Quantities::parseBytes),
                disk == null ? base.diskBytes() : quantity("--disk", disk, Quantities::parseBytes),
                pids == null ? base.pids() : pids,
                base.memoryMerge());
    }

    private static EngineChoice engineChoice(String word) {
        for (EngineChoice choice : EngineChoice.values()) {
            if (choice.word().equalsIgnoreCase(word)) {
                return choice;
            }
        }
        throw new CliException(
                ExitCode.USAGE, "--engine " + word + ": there is auto, container, wasm, gvisor, crun, runc, microvm");
    }

    /** {@code notes:/notes} or {@code /srv/data:/data}, with {@code :ro} or {@code :rw} behind. @param option for messages */
    static Volume volume(String option, String text) {
        String[] parts = text.split(":", -1);
        boolean mode = parts.length == 3 && (parts[2].equals("ro") || parts[2].equals("rw"));
        boolean host = parts[0].startsWith("/");
        if (!(parts.length == 2 || mode)
                || !(host || Volume.wrongName(parts[0]).isEmpty())
                || !parts[1].startsWith("/")) {
            throw new CliException(
                    ExitCode.USAGE,
                    option + " " + text + ": write " + option + " NAME:/inside or " + option
                            + " /host/directory:/inside, with :ro behind for read-only");
        }
        boolean readOnly = mode && parts[2].equals("ro");
        return host
                ? new Volume(Path.of(parts[0]).normalize().toString(), parts[1], readOnly)
                : Volume.named(parts[0], parts[1], readOnly);
    }
}
