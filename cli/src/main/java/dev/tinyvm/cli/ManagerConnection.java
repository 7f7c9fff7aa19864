package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmClient;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * Which manager a command talks to: {@code --url} or {@code TINYVM_URL}, else the one of {@code --data} or {@code TINYVM_DATA}, else the one of
 * the default data directory, root's last. The key is {@code TINYVM_API_KEY}, else the local key beside the manager's data.
 */
public final class ManagerConnection {
    static final String HOW_TO_START =
            "Start a manager with: sudo tinyvm up --detach   (or name one: --url URL, TINYVM_URL)";

    @Option(
            names = "--url",
            paramLabel = "URL",
            description = "The manager's address (default: $TINYVM_URL, else the manager of this machine).")
    @Nullable
    String url;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Talk to the manager with this data directory (default: $TINYVM_DATA).")
    @Nullable
    Path data;

    /** Where a manager is and which key it takes. @param key empty when none was found */
    public record Address(String url, String key) {}

    /** A client of the manager. @throws CliException when there is none to be found */
    public TinyVmClient open(Shell shell) {
        Address address = find(shell)
                .orElseThrow(() -> new CliException(
                        ExitCode.FAILED,
                        chosenData(shell) == null
                                ? "no manager runs on this machine"
                                : "no manager runs with the data directory " + chosenData(shell),
                        HOW_TO_START));
        return open(address);
    }

    /** A client, when a manager is named or one runs on this machine and answers. */
    public Optional<TinyVmClient> openIfRunning(Shell shell) {
        Optional<Address> address = find(shell);
        if (address.isEmpty()) {
            return Optional.empty();
        }
        TinyVmClient client = open(address.get());
        if (!named(shell) && !client.ready()) {
            client.close();
            return Optional.empty();
        }
        return Optional.of(client);
    }

    /** Empty when no manager is named and none runs here. */
    public Optional<Address> find(Shell shell) {
        String wanted =
                url != null ? url : data == null ? shell.variable("TINYVM_URL").strip() : "";
        String key = shell.variable("TINYVM_API_KEY").strip();
        Set<Path> directories = directories(shell);
        for (Path directory : directories) {
            Optional<RunningManager> running = RunningManager.read(directory).filter(RunningManager::alive);
            if (running.isPresent()
                    && (wanted.isEmpty() || same(wanted, running.get().url()))) {
                return Optional.of(new Address(
                        wanted.isEmpty() ? running.get().url() : wanted, key.isEmpty() ? localKey(directory) : key));
            }
        }
        return wanted.isEmpty() ? Optional.empty() : Optional.of(new Address(wanted, key));
    }

    /** Where a running manager's data may be, most wanted first. */
    public Set<Path> directories(Shell shell) {
        Set<Path> directories = new LinkedHashSet<>();
        Path chosen = chosenData(shell);
        if (chosen != null) {
            directories.add(chosen);
        } else {
            directories.add(RunningManager.defaultData(shell));
            directories.add(RunningManager.ROOT_DATA);
        }
        return directories;
    }

    /** Whether the command line or the environment says which manager. */
    public boolean named(Shell shell) {
        return url != null
                || chosenData(shell) != null
                || !shell.variable("TINYVM_URL").isBlank();
    }

    private @Nullable Path chosenData(Shell shell) {
        if (data != null) {
            return data;
        }
        String fromEnvironment = shell.variable("TINYVM_DATA").strip();
        return fromEnvironment.isEmpty() ? null : Path.of(fromEnvironment);
    }

    private static TinyVmClient open(Address address) {
        try {
            return new TinyVmClient(URI.create(address.url()), address.key());
        } catch (IllegalArgumentException e) {
            throw new CliException(
                    ExitCode.USAGE,
                    address.url() + " is no address: " + e.getMessage(),
                    "Such as: " + TinyVmClient.DEFAULT_URL);
        }
    }

    /** Empty when this user may not read it: the manager then says what is missing. */
    private static String localKey(Path directory) {
        try {
            return Files.readString(directory.resolve(RunningManager.KEY_FILE)).strip();
        } catch (IOException e) {
            return "";
        }
    }

    private static boolean same(String a, String b) {
        return a.replaceFirst("/+$", "").replace("//localhost:", "//127.0.0.1:").equals(b.replaceFirst("/+$", ""));
    }
}
