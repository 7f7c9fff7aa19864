package dev.tinyvm.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/** The commands that ask a manager, and those that need none. */
public final class ClientCommands implements CommandSource {
    private static final String AGENTS = "Agents and Tiny VMs";
    private static final String INSIDE = "Inside a Tiny VM";
    private static final String WATCHING = "Watching";
    private static final String HOST = "This host";

    @Override
    public List<Entry> entries() {
        return List.of(
                new Entry("down", "First steps", "Stop the manager and its Tiny VMs (--keep: they go on)"),
                new Entry("start", AGENTS, "Start an agent from its descriptor and keep it running"),
                new Entry("scale", AGENTS, "Change how many Tiny VMs an agent has"),
                new Entry("stop", AGENTS, "Stop agents or Tiny VMs"),
                new Entry("restart", AGENTS, "Restart agents or Tiny VMs"),
                new Entry("rm", AGENTS, "Stop and forget agents or Tiny VMs"),
                new Entry("pause", AGENTS, "Freeze Tiny VMs"),
                new Entry("resume", AGENTS, "Let paused Tiny VMs go on"),
                new Entry("resize", AGENTS, "Change CPU, memory, process limit of running Tiny VMs"),
                new Entry("network", AGENTS, "Show or change what running Tiny VMs may reach"),
                new Entry("attach", AGENTS, "Attach volumes or a network interface to a running Tiny VM"),
                new Entry("detach", AGENTS, "Detach volumes or the network interface from a running Tiny VM"),
                new Entry("volume", AGENTS, "Make, list, remove, export, import named volumes"),
                new Entry("checkpoint", AGENTS, "Write a Tiny VM to disk; list, remove checkpoints"),
                new Entry("restore", AGENTS, "Make Tiny VMs that go on from a checkpoint"),
                new Entry("save", AGENTS, "Write down what runs now"),
                new Entry("resurrect", AGENTS, "Bring back what was saved"),
                new Entry("exec", INSIDE, "Run a command in a running Tiny VM"),
                new Entry("cp", INSIDE, "Copy files and directories into or out of a Tiny VM"),
                new Entry("ps", WATCHING, "List Tiny VMs or agents"),
                new Entry("inspect", WATCHING, "Print all that is known of one, as JSON"),
                new Entry("logs", WATCHING, "Print what main processes said"),
                new Entry("stats", WATCHING, "Print what Tiny VMs use now"),
                new Entry("bill", WATCHING, "Print what was used and what it costs"),
                new Entry("monit", WATCHING, "Watch all Tiny VMs live on the full screen"),
                new Entry("egress", WATCHING, "Print what Tiny VMs tried to reach"),
                new Entry("events", WATCHING, "Print what happened"),
                new Entry("key", HOST, "Make, list, revoke API keys"),
                new Entry("version", "This program", "Print the version"));
    }

    @Override
    public @Nullable Object make(String name, Shell shell) {
        return switch (name) {
            case "down" -> new DownCommand(shell);
            case "start" -> new StartCommand(shell);
            case "scale" -> new ScaleCommand(shell);
            case "stop" -> new LifecycleCommand.Stop(shell);
            case "restart" -> new LifecycleCommand.Restart(shell);
            case "rm" -> new LifecycleCommand.Remove(shell);
            case "pause" -> new LifecycleCommand.Pause(shell);
            case "resume" -> new LifecycleCommand.Resume(shell);
            case "resize" -> new ResizeCommand(shell);
            case "network" -> new NetworkCommand(shell);
            case "egress" -> new EgressCommand(shell);
            case "attach" -> new AttachCommand(shell);
            case "detach" -> new DetachCommand(shell);
            case "volume" -> VolumeCommand.line(shell);
            case "checkpoint" -> new CheckpointCommand(shell);
            case "restore" -> new RestoreCommand(shell);
            case "save" -> new SaveCommand.Save(shell);
            case "resurrect" -> new SaveCommand.Resurrect(shell);
            case "exec" -> new ExecInVmCommand(shell);
            case "cp" -> new CpCommand(shell);
            case "ps" -> new PsCommand(shell);
            case "inspect" -> new InspectCommand(shell);
            case "logs" -> new LogsCommand(shell);
            case "stats" -> new StatsCommand(shell);
            case "bill" -> new BillCommand(shell);
            case "monit" -> new MonitCommand(shell);
            case "events" -> new EventsCommand(shell);
            case "version" -> new VersionCommand(shell);
            case "key" ->
                new CommandLine(new KeyCommand())
                        .addSubcommand(new KeyCommand.Create(shell))
                        .addSubcommand(new KeyCommand.Ls(shell))
                        .addSubcommand(new KeyCommand.Revoke(shell));
            default -> null;
        };
    }
}
