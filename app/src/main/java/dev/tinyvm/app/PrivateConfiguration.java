package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.llm.GatewayPlan;
import dev.tinyvm.spec.DescriptorException;
import dev.tinyvm.spec.LlmConfig;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.ManagerConfigReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a manager for one run is told: the file that the command line names, else the usual one, and where that has no LLM provider those that the environment has keys for. Keys are read once, before root is given up.
 *
 * <p>A named file that is wrong ends the command. The usual one may be about things that this run does not need: then it is left out, and the user reads why.
 */
record PrivateConfiguration(ManagerConfig config, GatewayPlan llm, EgressPlan egress) {
    private static final PrivateConfiguration NONE =
            new PrivateConfiguration(ManagerConfig.DEFAULT, GatewayPlan.NONE, EgressPlan.NONE);

    /** @param data of the manager that this user would start @param llm whether models are wanted at all */
    static PrivateConfiguration find(Shell shell, Path data, Optional<Path> named, boolean llm) {
        Path file = named.orElse(data.resolve("tinyvm.yaml"));
        if (named.isPresent() && !Files.isRegularFile(file)) {
            throw new CliException(ExitCode.USAGE, file + ": there is no such configuration file");
        }
        List<String> problems = new ArrayList<>();
        PrivateConfiguration found = NONE;
        if (Files.isReadable(file)) {
            found = read(file, new Secrets(data).directory(), llm, problems);
        }
        if (!problems.isEmpty()) {
            if (named.isPresent()) {
                throw new CliException(ExitCode.NOT_RUN, file + ": cannot be used", problems.toArray(String[]::new));
            }
            shell.err().println("tinyvm: " + file + " is left out: " + String.join("; ", problems));
        }
        return llm && found.llm.config().providers().isEmpty() ? found.with(ofEnvironment(shell)) : found;
    }

    private static PrivateConfiguration read(Path file, Path secrets, boolean llm, List<String> problems) {
        try {
            ManagerConfig config = ManagerConfigReader.readFile(file);
            EgressPlan egress = EgressPlan.read(config.network(), secrets, problems);
            GatewayPlan gateway = llm ? GatewayPlan.read(config.llm(), secrets).held() : GatewayPlan.NONE;
            if (problems.isEmpty()) {
                return new PrivateConfiguration(config, gateway, egress.held());
            }
        } catch (DescriptorException e) {
            problems.add(String.valueOf(e.getMessage()));
        } catch (GatewayPlan.Missing e) {
            problems.addAll(e.problems());
        }
        return NONE;
    }

    private PrivateConfiguration with(GatewayPlan other) {
        return new PrivateConfiguration(config, other, egress);
    }

    private static GatewayPlan ofEnvironment(Shell shell) {
        LlmConfig config = EnvironmentProviders.of(shell.env());
        if (config.providers().isEmpty()) {
            return GatewayPlan.NONE;
        }
        if (shell.stderrIsTerminal()) {
            shell.err()
                    .println("tinyvm: its LLM calls go to "
                            + String.join(
                                    ", ",
                                    config.providers().stream()
                                            .map(LlmConfig.Provider::name)
                                            .toList())
                            + ", with the keys of your environment, which it does not see; --no-llm forbids them");
        }
        try {
            return GatewayPlan.read(config, Path.of("/nonexistent")).held();
        } catch (GatewayPlan.Missing e) {
            throw new CliException(
                    ExitCode.NOT_RUN,
                    "the LLM gateway cannot start",
                    e.problems().toArray(String[]::new));
        } catch (IllegalArgumentException e) {
            throw new CliException(ExitCode.NOT_RUN, "the LLM gateway cannot start: " + e.getMessage());
        }
    }
}
