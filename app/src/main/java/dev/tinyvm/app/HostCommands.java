package dev.tinyvm.app;

import dev.tinyvm.cli.CommandSource;
import dev.tinyvm.cli.RunCommand;
import dev.tinyvm.cli.Shell;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The commands that start something on this host, or look at it. */
final class HostCommands implements CommandSource {
    @Override
    public List<Entry> entries() {
        return List.of(
                new Entry("run", "First steps", "Run one Tiny VM in the foreground"),
                new Entry("up", "First steps", "Start the manager: API on one port, Tiny VMs on this host"),
                new Entry("cert", "This host", "Make a certificate for the TLS port"),
                new Entry("secret", "This host", "Store, list, remove keys of LLM providers"),
                new Entry("tape", "This host", "List and remove recorded LLM calls"),
                new Entry("doctor", "This host", "Say what this host offers and how to get what is missing"),
                new Entry("image", "This host", "List, pull, import, push, remove images"),
                new Entry("bench", "This host", "Measure: the published numbers, for anyone to rerun"));
    }

    @Override
    public @Nullable Object make(String name, Shell shell) {
        return switch (name) {
            case "run" -> new RunCommand(shell, new EphemeralManagers());
            case "up" -> new UpCommand(shell);
            case "cert" -> new CertCommand(shell);
            case "secret" -> SecretCommands.line(shell);
            case "tape" -> TapeCommands.line(shell);
            case "doctor" -> new DoctorCommand(shell);
            case "image" -> ImageCommand.line(shell);
            case "sweep" -> new SweepCommand();
            case "bench" -> BenchCommands.line(shell);
            default -> null;
        };
    }
}
