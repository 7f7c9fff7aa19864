package dev.tinyvm.app;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.RunningManager;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.llm.GatewayPlan;
import dev.tinyvm.manager.ManagerSettings;
import dev.tinyvm.server.ServerSettings;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.ManagerConfigReader;
import dev.tinyvm.spec.Quantities;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tinyvm up}. */
@Command(
        description = {
            "Start the manager. Needs root, and gives it up once the spawner runs.",
            "Ctrl-C stops the manager and its Tiny VMs, as 'tinyvm down' does. SIGTERM stops the manager alone, as 'tinyvm down --keep' does: its Tiny VMs go on, and the next 'up' takes them over, also after kill -9."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  sudo tinyvm up --detach",
            "  sudo tinyvm up --capacity cpu=4,memory=8Gi",
            "  sudo tinyvm cert && sudo tinyvm up --tls-port 7443",
            "  sudo tinyvm up --port 0 --data /srv/tinyvm --config tinyvm.yaml"
        })
final class UpCommand implements Callable<Integer> {
    @Option(
            names = {"-d", "--detach"},
            description = "Return as soon as the manager is ready; it goes on in the background.")
    boolean detach;

    @Option(names = "--port", paramLabel = "N", description = "Port to listen on; 0: any free one (default: 7070).")
    int port = ServerSettings.DEFAULT_PORT;

    @Option(
            names = "--tls-port",
            paramLabel = "N",
            description =
                    "Port for TLS beside the plain one; 0: any free one (default: tls.port of the configuration, else none).")
    @Nullable
    Integer tlsPort;

    @Option(names = "--host", paramLabel = "ADDRESS", description = "Address to listen on (default: 127.0.0.1).")
    String host = "127.0.0.1";

    @Option(
            names = "--host-name",
            paramLabel = "NAME",
            description =
                    "A name that clients may call this host by, beside localhost and IP addresses; may be repeated.")
    List<String> hostNames = new ArrayList<>();

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Data directory (default: $TINYVM_DATA, else /var/lib/tinyvm).")
    @Nullable
    Path data;

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "Configuration (default: tinyvm.yaml in the data directory).")
    @Nullable
    Path config;

    @Option(
            names = "--capacity",
            paramLabel = "cpu=N,memory=SIZE",
            split = ",",
            description = "What may be promised to Tiny VMs in all; wins over the configuration.")
    Map<String, String> capacity = new LinkedHashMap<>();

    @Option(
            names = "--announce",
            hidden = true,
            description = "Print the ready line for the process that detached this one.")
    boolean announce;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    private final Shell shell;

    UpCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws Exception {
        if (port < 0 || port > 65_535) {
            throw new CliException(ExitCode.USAGE, "--port " + port + " is not between 0 and 65535");
        }
        if (tlsPort != null && (tlsPort < 0 || tlsPort > 65_535)) {
            throw new CliException(ExitCode.USAGE, "--tls-port " + tlsPort + " is not between 0 and 65535");
        }
        Path directory = dataDirectory(shell, data);
        Path file = config == null ? directory.resolve("tinyvm.yaml") : config;
        if (config != null && !Files.isRegularFile(config)) {
            throw new CliException(ExitCode.USAGE, config + ": there is no such configuration file");
        }
        LocalManager.requireRoot(ExitCode.FAILED);
        ManagerConfig read = ManagerConfigReader.readFile(file);
        ManagerSettings settings = withCapacity(ManagerSettings.of(read, Cli.VERSION), capacity);
        TlsPlan tls = TlsPlan.read(directory, read, Optional.ofNullable(tlsPort));
        GatewayPlan llm = gatewayPlan(directory, file, read);
        EgressPlan egress = egressPlan(directory, file, read);
        SignaturePolicy signatures = SignatureFile.policy(file, read);
        if (detach) {
            return new DetachedStart(shell, Installation.find()).start(directory, arguments(directory));
        }
        return foreground(directory, settings, tls, llm, read.gvisorSandboxes(), egress, signatures);
    }

    private int foreground(
            Path directory,
            ManagerSettings settings,
            TlsPlan tls,
            GatewayPlan llm,
            int gvisorSandboxes,
            EgressPlan egress,
            SignaturePolicy signatures)
            throws IOException {
        List<String> names = new ArrayList<>(hostNames);
        if (!tls.name().isEmpty()) {
            names.add(tls.name());
        }
        ServerSettings http = new ServerSettings(
                host,
                port,
                names,
                ServerSettings.DEFAULT.idleTimeout(),
                ServerSettings.DEFAULT.headerTimeout(),
                tls.tls());
        CompletableFuture<Boolean> stopMachines = new CompletableFuture<>();
        Signals.on("INT", () -> {
            if (!stopMachines.complete(true)) {
                Runtime.getRuntime().halt(130); // the second Ctrl-C: whoever types it does not want to wait
            }
        });
        Signals.on("TERM", () -> stopMachines.complete(false));
        DataDirectory locked = DataDirectory.open(directory);
        LocalManager manager = LocalManager.start(
                new LocalManager.Plan(
                        locked,
                        locked.images(),
                        locked.runDirectory(),
                        settings,
                        http,
                        tls.e2bDomain(),
                        llm,
                        gvisorSandboxes,
                        egress,
                        signatures,
                        ProgramFiles.under(Stream.concat(
                                        Stream.of(locked.programs()),
                                        settings.volumeHostPaths().stream()
                                                .map(Path::of)
                                                .map(Path::normalize))
                                .toList()),
                        true,
                        true),
                keep -> stopMachines.complete(!keep));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> manager.stop(false), "manager-stop"));
        shell.out()
                .println("TinyVM " + Cli.VERSION + " ready at " + manager.url() + manager.tlsUrl() + " (data "
                        + directory + ", " + manager.description() + ")");
        shell.out().flush();
        if (!announce && shell.stderrIsTerminal()) {
            shell.err().println("Ctrl-C stops it and its Tiny VMs.");
        }
        manager.stop(stopMachines.join());
        return ExitCode.OK;
    }

    /** Reads keys and scripts, while this process may read what only root may. */
    private static GatewayPlan gatewayPlan(Path directory, Path file, ManagerConfig config) {
        try {
            return GatewayPlan.read(config.llm(), new Secrets(directory).directory());
        } catch (GatewayPlan.Missing e) {
            throw new CliException(
                    ExitCode.FAILED,
                    file + ": the LLM gateway cannot start",
                    e.problems().toArray(String[]::new));
        }
    }

    private static EgressPlan egressPlan(Path directory, Path file, ManagerConfig config) {
        List<String> problems = new ArrayList<>();
        EgressPlan plan = EgressPlan.read(config.network(), new Secrets(directory).directory(), problems);
        if (!problems.isEmpty()) {
            throw new CliException(
                    ExitCode.FAILED, file + ": the egress proxy cannot start", problems.toArray(String[]::new));
        }
        return plan;
    }

    /** @param data as named on the command line */
    static Path dataDirectory(Shell shell, @Nullable Path data) {
        String environment = shell.variable("TINYVM_DATA").strip();
        Path chosen =
                data != null ? data : environment.isEmpty() ? RunningManager.defaultData(shell) : Path.of(environment);
        return chosen.toAbsolutePath().normalize();
    }

    /** For the process in the background. */
    private List<String> arguments(Path directory) {
        List<String> arguments = new ArrayList<>(List.of(
                "up", "--announce", "--port", Integer.toString(port), "--host", host, "--data", directory.toString()));
        if (tlsPort != null) {
            arguments.addAll(List.of("--tls-port", Integer.toString(tlsPort)));
        }
        hostNames.forEach(name -> arguments.addAll(List.of("--host-name", name)));
        if (config != null) {
            arguments.addAll(List.of("--config", config.toAbsolutePath().toString()));
        }
        capacity.forEach((k, v) -> arguments.addAll(List.of("--capacity", k + "=" + v)));
        return arguments;
    }

    /** What {@code --capacity} says, on top of the configuration. */
    static ManagerSettings withCapacity(ManagerSettings settings, Map<String, String> capacity) {
        OptionalInt cpuMillis = OptionalInt.empty();
        OptionalLong memoryBytes = OptionalLong.empty();
        for (Map.Entry<String, String> part : capacity.entrySet()) {
            try {
                switch (part.getKey()) {
                    case "cpu" -> cpuMillis = OptionalInt.of(Quantities.parseCpuMillis(part.getValue()));
                    case "memory" -> memoryBytes = OptionalLong.of(Quantities.parseBytes(part.getValue()));
                    default ->
                        throw new IllegalArgumentException(
                                "there is no '" + part.getKey() + "'; write cpu=4,memory=8Gi");
                }
            } catch (IllegalArgumentException e) {
                throw new CliException(ExitCode.USAGE, "--capacity: " + e.getMessage());
            }
        }
        return settings.withCapacity(cpuMillis, memoryBytes);
    }
}
