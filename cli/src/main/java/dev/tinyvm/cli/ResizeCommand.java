package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.sdk.Resize;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.spec.Quantities;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm resize}. */
@Command(
        description = "Change CPU, memory or process limit of running Tiny VMs (all of an agent) without a restart.",
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm resize researcher-0 --cpu 0.5", "  tinyvm resize researcher --memory 128Mi --pids 128"})
final class ResizeCommand extends ClientCommand {
    @Parameters(paramLabel = "NAME", description = "An agent, or a Tiny VM by id or name.")
    String name = "";

    @Option(names = "--cpu", paramLabel = "CORES", description = "In steps of 0.1, such as 0.5 or 500m.")
    @Nullable
    String cpu;

    @Option(names = "--memory", paramLabel = "SIZE", description = "Such as 128Mi.")
    @Nullable
    String memory;

    @Option(names = "--pids", paramLabel = "N", description = "Processes and threads together.")
    @Nullable
    Integer pids;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    ResizeCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        if (cpu == null && memory == null && pids == null) {
            throw new CliException(ExitCode.USAGE, "nothing to change: give --cpu, --memory or --pids");
        }
        Resize resize = new Resize(
                cpu == null ? OptionalInt.empty() : OptionalInt.of(quantity("--cpu", cpu, Quantities::parseCpuMillis)),
                memory == null
                        ? OptionalLong.empty()
                        : OptionalLong.of(quantity("--memory", memory, Quantities::parseBytes)),
                pids == null ? OptionalInt.empty() : OptionalInt.of(pids));
        List<VmInfo> resized = Target.find(client, name).vms().stream()
                .map(vm -> client.resize(vm.id(), resize))
                .toList();
        if (json) {
            JsonOutput.print(shell.out(), resized.size() == 1 ? resized.getFirst() : resized);
            return ExitCode.OK;
        }
        resized.forEach(vm -> shell.out()
                .println(vm.name() + ": cpu " + Quantity.cores(vm.resources().cpuMillis()) + ", memory "
                        + Quantity.bytes(vm.resources().memoryBytes()) + ", pids "
                        + vm.resources().pids()));
        return ExitCode.OK;
    }

    /** Parses an option's quantity; what is wrong becomes a usage error that names the option. */
    static <T> T quantity(String option, String text, Function<String, T> parse) {
        try {
            return parse.apply(text);
        } catch (IllegalArgumentException e) {
            throw new CliException(ExitCode.USAGE, option + ": " + e.getMessage());
        }
    }
}
