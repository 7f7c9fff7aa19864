package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.TinyVmException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** One verb on each of several names; prints every name that is done, goes on after a failure, and fails if one failed. */
abstract class LifecycleCommand extends ClientCommand {
    @Parameters(arity = "1..*", paramLabel = "NAME", description = "Agents, or Tiny VMs by id or name.")
    List<String> names = new ArrayList<>();

    @Option(
            names = {"-q", "--quiet"},
            description = "Print nothing but errors.")
    boolean quiet;

    LifecycleCommand(Shell shell) {
        super(shell);
    }

    abstract void apply(TinyVmClient client, Target target);

    @Override
    int run(TinyVmClient client) {
        int failed = 0;
        for (String name : names) {
            try {
                apply(client, Target.find(client, name));
                if (!quiet) {
                    shell.out().println(name);
                }
            } catch (TinyVmException | CliException e) {
                failed++;
                if (names.size() == 1) {
                    throw e;
                }
                shell.err().println("tinyvm: " + name + ": " + e.getMessage());
            }
        }
        return failed == 0 ? ExitCode.OK : ExitCode.FAILED;
    }

    /** {@code tinyvm stop}. */
    @Command(
            description =
                    "Stop agents (they stay known, with all their replicas) or single Tiny VMs: SIGTERM, then SIGKILL after the grace period.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm stop researcher", "  tinyvm stop researcher-3"})
    static final class Stop extends LifecycleCommand {
        Stop(Shell shell) {
            super(shell);
        }

        @Override
        void apply(TinyVmClient client, Target target) {
            switch (target) {
                case Target.OfAgent(var agent) -> client.stopAgent(agent.name());
                case Target.OfVm(var vm) -> client.stop(vm.id());
            }
        }
    }

    /** {@code tinyvm restart}. */
    @Command(
            description = "Restart every Tiny VM of agents, or single Tiny VMs. Each gets a fresh writable layer.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm restart researcher"})
    static final class Restart extends LifecycleCommand {
        Restart(Shell shell) {
            super(shell);
        }

        @Override
        void apply(TinyVmClient client, Target target) {
            switch (target) {
                case Target.OfAgent(var agent) -> client.restartAgent(agent.name());
                case Target.OfVm(var vm) -> client.restart(vm.id());
            }
        }
    }

    /** {@code tinyvm rm}. */
    @Command(
            description = "Stop and forget agents with all their Tiny VMs, or single Tiny VMs.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm rm researcher", "  tinyvm ps -q --state stopped,failed | xargs -r tinyvm rm"})
    static final class Remove extends LifecycleCommand {
        Remove(Shell shell) {
            super(shell);
        }

        @Override
        void apply(TinyVmClient client, Target target) {
            switch (target) {
                case Target.OfAgent(var agent) -> client.removeAgent(agent.name());
                case Target.OfVm(var vm) -> client.remove(vm.id());
            }
        }
    }

    /** {@code tinyvm pause}. */
    @Command(
            description = "Freeze Tiny VMs (all of an agent): no instruction runs, memory stays, until resume.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm pause researcher-0"})
    static final class Pause extends LifecycleCommand {
        Pause(Shell shell) {
            super(shell);
        }

        @Override
        void apply(TinyVmClient client, Target target) {
            target.vms().stream().filter(vm -> !vm.state().equals("paused")).forEach(vm -> client.pause(vm.id()));
        }
    }

    /** {@code tinyvm resume}. */
    @Command(
            description = "Let paused Tiny VMs (all of an agent) go on.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm resume researcher-0"})
    static final class Resume extends LifecycleCommand {
        Resume(Shell shell) {
            super(shell);
        }

        @Override
        void apply(TinyVmClient client, Target target) {
            boolean single = target instanceof Target.OfVm;
            target.vms().stream()
                    .filter(vm -> single || vm.state().equals("paused"))
                    .forEach(vm -> client.resume(vm.id()));
        }
    }
}
