package dev.tinyvm.cli;

import dev.tinyvm.cli.PrivateManagers.PrivateManager;
import dev.tinyvm.sdk.CreateVm;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.RunRequest;
import dev.tinyvm.sdk.RunSession;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.DescriptorWriter;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm run}. */
@Command(
        description = {
            "Run one Tiny VM in the foreground and remove it at its end. Its exit status becomes this one's;",
            "125: it could not be run, 126: the program is not executable, 127: there is no such program.",
            "Uses the manager of this machine (or --url); without one, a private manager for this command alone (needs root, except for .wasm and .js files)."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  sudo tinyvm run host -- echo hello",
            "  sudo tinyvm run -it host",
            "  sudo tinyvm run --cpu 0.2 --memory 32Mi host -- python3 -c 'print(2**64)'",
            "  sudo tinyvm run agent.yaml",
            "  tinyvm run agent.js",
            "  OPENAI_API_KEY=… tinyvm run --usage agent.js",
            "  echo data | sudo tinyvm run host -- wc -c"
        })
public final class RunCommand implements Callable<Integer>, TakesCommand {
    @Mixin
    final ManagerConnection manager = new ManagerConnection();

    @Mixin
    final VmOptions options = new VmOptions();

    @Parameters(
            index = "0",
            paramLabel = "IMAGE|agent.yaml",
            description = "host, an imported image, a .wasm, .js, .mjs or .py file, js, python-wasi, or a descriptor.")
    String image = "";

    @Parameters(
            index = "1..*",
            arity = "0..*",
            paramLabel = "-- CMD",
            description =
                    "Program and arguments (default: the descriptor's, else the program that the image is, else a shell).")
    List<String> command = new ArrayList<>();

    @Mixin
    final StreamOptions streams = new StreamOptions();

    @Option(
            names = {"-d", "--detach"},
            description = "Start it under the running manager, print its id, do not wait.")
    boolean detach;

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description =
                    "Configuration for a run without a manager, such as its LLM providers (default: tinyvm.yaml in the data directory; without LLM providers there, OPENAI_API_KEY, ANTHROPIC_API_KEY and GEMINI_API_KEY of the environment).")
    @Nullable
    Path config;

    @Option(names = "--usage", description = "Print to stderr at the end what it used and what that cost.")
    boolean usage;

    @Option(names = "--no-wait", description = "Fail when the host is full instead of waiting for room.")
    boolean noWait;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    private final Shell shell;
    private final PrivateManagers privateManagers;

    public RunCommand(Shell shell, PrivateManagers privateManagers) {
        this.shell = shell;
        this.privateManagers = privateManagers;
    }

    @Override
    public Integer call() throws Exception {
        if (!command.isEmpty() && command.getFirst().equals("--")) {
            command = command.subList(1, command.size());
        }
        Agent agent = options.agent(image, command, detach, shell);
        Descriptor descriptor = Descriptor.json(DescriptorWriter.toJson(agent));
        Optional<TinyVmClient> running = manager.openIfRunning(shell);
        if (running.isPresent()) {
            if (config != null) {
                running.get().close();
                throw new CliException(
                        ExitCode.USAGE,
                        "--config is for a run without a manager, and one runs: its own configuration counts",
                        "Stop it with: sudo tinyvm down   or leave --config out");
            }
            try (TinyVmClient client = running.get()) {
                return detach ? start(client, descriptor) : foreground(client, descriptor);
            }
        }
        Optional<String> needing = detach ? Optional.of("--detach") : VmOptions.needsManager(agent);
        if (needing.isPresent()) {
            throw new CliException(
                    ExitCode.NOT_RUN,
                    needing.get() + " needs a manager, and none runs",
                    ManagerConnection.HOW_TO_START);
        }
        try (PrivateManager own = privateManagers.start(shell, agent.spec(), Optional.ofNullable(config));
                TinyVmClient client = new TinyVmClient(
                        URI.create(own.address().url()), own.address().key())) {
            return foreground(client, descriptor);
        }
    }

    private int start(TinyVmClient client, Descriptor descriptor) {
        VmInfo vm = client.create(new CreateVm(descriptor, "", "", !noWait));
        shell.out().println(vm.id());
        if (vm.state().equals("pending")) {
            shell.err().println("it waits: " + VmTable.why(vm, true));
        }
        return ExitCode.OK;
    }

    private int foreground(TinyVmClient client, Descriptor descriptor) throws InterruptedException {
        // Piped input is the command's; a terminal's only when asked for, so that a job in the background is never
        // stopped for reading it.
        boolean stdin = streams.interactive || !shell.stdinIsTerminal();
        try (ForegroundProcess process = new ForegroundProcess(shell, streams.tty)) {
            RunRequest request =
                    new RunRequest(descriptor, ForegroundProcess.windowIf(streams.tty, process), stdin, !noWait);
            String vm;
            int status;
            try (RunSession session =
                    client.run(request, why -> shell.err().println("tinyvm: waiting for room: " + why))) {
                vm = session.vm().id();
                status = process.attach(session, stdin);
            }
            if (usage) {
                shell.err().println("tinyvm: " + RunUsage.of(client, vm));
            }
            return status;
        }
    }
}
