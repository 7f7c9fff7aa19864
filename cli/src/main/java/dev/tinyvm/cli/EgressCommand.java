package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code tinyvm egress}. */
@Command(
        description = "Show what Tiny VMs (all of an agent) tried to reach: allowed and refused, with bytes.",
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm egress researcher", "  tinyvm egress researcher-0 --lines 1000 --json"})
final class EgressCommand extends ClientCommand {
    @Parameters(paramLabel = "NAME", description = "An agent, or a Tiny VM by id or name.")
    String name = "";

    @Option(names = "--lines", paramLabel = "N", description = "The newest lines, at most 10000 (default: 100).")
    int lines = 100;

    @Option(names = "--json", description = "Print JSON, one object for each Tiny VM.")
    boolean json;

    EgressCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        if (lines < 0 || lines > 10_000) {
            throw new CliException(ExitCode.USAGE, "--lines " + lines + " is not between 0 and 10000");
        }
        List<VmInfo> vms = Target.find(client, name).vms();
        for (VmInfo vm : vms) {
            String report = client.egress(vm.id(), lines);
            if (json) {
                shell.out().println(report);
            } else {
                print(vm, JsonMapper.shared().readTree(report), vms.size() > 1);
            }
        }
        return ExitCode.OK;
    }

    private void print(VmInfo vm, JsonNode report, boolean several) {
        if (several) {
            shell.out().println(vm.name() + ":");
        }
        for (JsonNode line : report.path("log")) {
            shell.out().println(line(line));
        }
        shell.out()
                .println(report.path("allowed").asLong(0) + " allowed, "
                        + report.path("refused").asLong(0) + " refused, "
                        + report.path("underWay").asLong(0) + " under way; out "
                        + Quantity.bytes(report.path("bytesOut").asLong(0)) + ", in "
                        + Quantity.bytes(report.path("bytesIn").asLong(0)) + " since the manager's start");
    }

    private static String line(JsonNode line) {
        StringBuilder text = new StringBuilder(line.path("at").asString(""));
        text.append("  ").append(padded(line.path("outcome").asString(""), 8));
        if (line.has("count")) {
            return text.append("  ")
                    .append(line.path("count").asLong(0))
                    .append(" lines")
                    .toString();
        }
        text.append("  ").append(padded(line.path("kind").asString(""), 7));
        text.append("  ").append(line.path("destination").asString(""));
        if (line.has("address")) {
            text.append(" (").append(line.path("address").asString("")).append(')');
        }
        if (line.has("reason")) {
            text.append("  ").append(line.path("reason").asString(""));
        }
        if (line.has("bytesOut")) {
            text.append("  out ").append(Quantity.bytes(line.path("bytesOut").asLong(0)));
            text.append(", in ").append(Quantity.bytes(line.path("bytesIn").asLong(0)));
            text.append(", ").append(line.path("millis").asLong(0)).append(" ms");
        }
        return text.toString();
    }

    private static String padded(String text, int width) {
        return text + " ".repeat(Math.max(0, width - text.length()));
    }
}
