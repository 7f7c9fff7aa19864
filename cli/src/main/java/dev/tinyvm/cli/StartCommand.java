package dev.tinyvm.cli;

import dev.tinyvm.sdk.AgentInfo;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.DescriptorReader;
import dev.tinyvm.spec.DescriptorWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm start}. */
@Command(
        description = {
            "Start an agent from its descriptor and keep it running; or start a stopped agent or Tiny VM again.",
            "The descriptor is checked here first; what is wrong is printed as file:line: path: message. Starting a changed descriptor replaces the replicas that differ."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm start agent.yaml", "  tinyvm start agent.yaml --replicas 8", "  tinyvm start researcher"})
final class StartCommand extends ClientCommand {
    @Parameters(
            paramLabel = "agent.yaml|NAME",
            description = "A descriptor (YAML or JSON), or the name of something stopped.")
    String what = "";

    @Option(names = "--replicas", paramLabel = "N", description = "How many, whatever the descriptor says.")
    @Nullable
    Integer replicas;

    @Option(
            names = {"-q", "--quiet"},
            description = "Print the name alone.")
    boolean quiet;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    StartCommand(Shell shell) {
        super(shell);
    }

    @Override
    public Integer call() throws Exception {
        Path file = Path.of(what);
        if (replicas != null && (replicas < 0 || replicas > 10_000)) {
            throw new CliException(ExitCode.USAGE, "--replicas " + replicas + " is not between 0 and 10000");
        }
        if (!looksLikeFile(file)) {
            return super.call();
        }
        // Before anything is asked of a manager: a broken descriptor is the user's to mend, whether one runs or not.
        Agent agent = DescriptorReader.readFile(file);
        if (replicas != null) {
            agent = new Agent(agent.metadata(), agent.spec().withReplicas(replicas));
        }
        if (agent.metadata().name().isEmpty()) {
            throw new CliException(
                    ExitCode.USAGE,
                    what + ": metadata.name: is missing",
                    "An agent needs a name, such as: metadata: {name: researcher}");
        }
        try (TinyVmClient client = manager.open(shell)) {
            return show(client.apply(Descriptor.json(DescriptorWriter.toJson(agent))));
        }
    }

    @Override
    int run(TinyVmClient client) {
        return switch (Target.find(client, what)) {
            case Target.OfAgent(var agent) -> {
                AgentInfo started = client.startAgent(agent.name());
                yield show(replicas == null ? started : client.scale(agent.name(), replicas));
            }
            case Target.OfVm(var vm) -> {
                VmInfo started = client.start(vm.id());
                if (json) {
                    JsonOutput.print(shell.out(), started);
                } else {
                    shell.out().println(quiet ? started.id() : started.name() + " " + started.state());
                }
                yield ExitCode.OK;
            }
        };
    }

    private boolean looksLikeFile(Path file) {
        return what.endsWith(".yaml")
                || what.endsWith(".yml")
                || what.endsWith(".json")
                || what.contains("/")
                || Files.isRegularFile(file);
    }

    private int show(AgentInfo agent) {
        if (json) {
            JsonOutput.print(shell.out(), agent);
        } else if (quiet) {
            shell.out().println(agent.name());
        } else {
            VmTable.ofVms(agent.vms(), shell.style(), true, Instant.now())
                    .lines()
                    .forEach(shell.out()::println);
            List<VmInfo> waiting = agent.vms().stream()
                    .filter(vm -> vm.state().equals("pending"))
                    .toList();
            if (!waiting.isEmpty()) {
                shell.err()
                        .println(waiting.size() + " of " + agent.replicas()
                                + " must wait; they start by themselves when there is room");
            }
        }
        return ExitCode.OK;
    }
}
