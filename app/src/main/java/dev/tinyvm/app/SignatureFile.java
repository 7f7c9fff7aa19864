package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.ManagerConfigReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which images must be signed, as a configuration file says. */
final class SignatureFile {
    private SignatureFile() {}

    /** @param named on the command line; null: that of the data directory, when there is one @throws CliException with all that is wrong */
    static SignaturePolicy find(Path data, @Nullable Path named) {
        Path file = named == null ? data.resolve("tinyvm.yaml") : named;
        if (named != null && !Files.isRegularFile(named)) {
            throw new CliException(ExitCode.USAGE, named + ": there is no such configuration file");
        }
        return policy(file, ManagerConfigReader.readFile(file));
    }

    /** The keys of what was read from a file. @throws CliException with all that is wrong */
    static SignaturePolicy policy(Path file, ManagerConfig config) {
        List<String> problems = new ArrayList<>();
        SignaturePolicy policy = SignaturePolicy.read(config.images(), problems);
        if (!problems.isEmpty()) {
            throw new CliException(
                    ExitCode.FAILED, file + ": signatures cannot be verified", problems.toArray(String[]::new));
        }
        return policy;
    }
}
