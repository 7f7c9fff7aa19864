package dev.tinyvm.cli;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A command that only holds others: called by itself it asks which. */
public abstract class CommandGroup implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    private final String which;

    /** @param which the commands with their parameters, such as "key create NAME, key ls" */
    protected CommandGroup(String which) {
        this.which = which;
    }

    @Override
    public final void run() {
        throw new ParameterException(spec.commandLine(), "which? " + which);
    }
}
