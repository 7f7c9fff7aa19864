package dev.tinyvm.tests;

import dev.tinyvm.sdk.CreateVm;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.ExecCommand;
import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.ItemStream;
import dev.tinyvm.sdk.LogEntry;
import dev.tinyvm.sdk.LogFilter;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A real manager of the test's own, started by {@code ./tinyvm up} with its own data directory, as a user would. */
final class Product implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Pattern READY = Pattern.compile("http://127\\.0\\.0\\.1:(\\d+)");

    private final Path data;
    private final List<String> arguments;
    private final Map<String, String> upEnvironment;
    private String url = "";
    private TinyVmClient client;

    private Product(Path data, Map<String, String> upEnvironment, List<String> arguments)
            throws IOException, InterruptedException {
        this.data = data;
        this.upEnvironment = upEnvironment;
        this.arguments = arguments;
        this.client = up();
    }

    /** Starts one. @param arguments more of {@code up} */
    static Product start(String... arguments) throws IOException, InterruptedException {
        return start(Map.of(), arguments);
    }

    /** The same. @param environment more variables of {@code up} */
    static Product start(Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        return new Product(Files.createTempDirectory("tinyvm-test-"), environment, List.of(arguments));
    }

    TinyVmClient client() {
        return client;
    }

    Path data() {
        return data;
    }

    /** Environment that leads the CLI to this manager. */
    Map<String, String> environment() throws IOException {
        return Map.of("TINYVM_URL", url, "TINYVM_API_KEY", key());
    }

    /** Runs {@code ./tinyvm …} against this manager. */
    Shell.Result cli(String... command) throws IOException, InterruptedException {
        List<String> whole = new ArrayList<>(List.of("./tinyvm"));
        whole.addAll(List.of(command));
        return Shell.run(Repository.ROOT, environment(), "", whole.toArray(String[]::new));
    }

    /** Makes a Tiny VM without a command of its own. */
    VmInfo create(String resources) {
        return create(resources, "");
    }

    /** @param more further lines of {@code spec}, indented by two */
    VmInfo create(String resources, String more) {
        VmInfo vm = client.create(CreateVm.of(Descriptor.yaml(
                "apiVersion: tinyvm.dev/v1\nkind: Agent\nmetadata: {}\nspec:\n  image: host\n  resources: {" + resources
                        + "}\n" + more)));
        return vm;
    }

    ExecResult exec(String vm, String... command) {
        return client.exec(vm, ExecCommand.of(command).withTimeout(PATIENCE));
    }

    ExecResult execAsRoot(String vm, String... command) {
        return client.exec(vm, ExecCommand.of(command).withUser("root").withTimeout(PATIENCE));
    }

    /** The log as it is kept now. @param tail last so many lines; −1: all */
    List<LogEntry> log(String vm, int tail) {
        List<LogEntry> lines = new ArrayList<>();
        try (ItemStream<LogEntry> stream = client.logs(vm, new LogFilter(tail, Optional.empty(), false))) {
            stream.forEachRemaining(lines::add);
        }
        return lines;
    }

    /** Pid of the manager's JVM: the process that holds this data directory's port. */
    long managerPid() throws IOException {
        return Long.parseLong(Files.readString(data.resolve("lock")).trim());
    }

    /** The uid that the manager gave root up for, unsigned. */
    int managerUid() throws IOException {
        Matcher uid = Pattern.compile("(?m)^Uid:\\s+(\\d+)")
                .matcher(Files.readString(Path.of("/proc", Long.toString(managerPid()), "status")));
        if (!uid.find()) {
            throw new AssertionError("no uid of process " + managerPid());
        }
        return Integer.parseUnsignedInt(uid.group(1));
    }

    /** Starts a manager again on the same data, after it was killed. */
    void upAgain() throws IOException, InterruptedException {
        client = up();
    }

    static void kill(long pid) throws IOException, InterruptedException {
        Shell.run(Path.of("/"), "kill", "-KILL", Long.toString(pid));
        eventually(() -> "process " + pid + " is gone", () -> ended(pid));
    }

    private static boolean ended(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            return stat.substring(stat.lastIndexOf(')') + 2).startsWith("Z");
        } catch (IOException e) {
            return true;
        }
    }

    static void eventually(Supplier<String> what, BooleanSupplier condition) throws InterruptedException {
        Instant deadline = Instant.now().plus(PATIENCE);
        while (!condition.getAsBoolean()) {
            if (Instant.now().isAfter(deadline)) {
                throw new AssertionError("not within " + PATIENCE + ": " + what.get());
            }
            Thread.sleep(20);
        }
    }

    /** Stops the manager and its Tiny VMs, and removes the data. */
    @Override
    public void close() throws IOException {
        try {
            Shell.run(Repository.ROOT, environment(), "", "./tinyvm", "--data", data.toString(), "down")
                    .expectSuccess();
            Shell.run(Path.of("/"), "rm", "-rf", data.toString()).expectSuccess();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the manager went down", e);
        }
    }

    private String key() throws IOException {
        return Files.readString(data.resolve("manager/cli.key")).trim();
    }

    private TinyVmClient up() throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of("./tinyvm", "up", "--detach", "--port", "0", "--data", data.toString()));
        command.addAll(arguments);
        Shell.Result result = Shell.run(Repository.ROOT, upEnvironment, "", command.toArray(String[]::new))
                .expectSuccess();
        Matcher matcher = READY.matcher(result.output());
        if (!matcher.find()) {
            throw new AssertionError("no URL in: " + result.output() + result.errors());
        }
        url = matcher.group();
        return new TinyVmClient(java.net.URI.create(url), key());
    }

    /** Whether the real walls can be made here; the reason when not. */
    static String missing() {
        if (!"root".equals(System.getProperty("user.name"))) {
            return "needs root to make walls";
        }
        try (Stream<Path> groups = Files.list(Path.of("/sys/fs/cgroup"))) {
            return groups.findAny().isEmpty() ? "needs cgroups" : "";
        } catch (IOException e) {
            return "needs cgroups at /sys/fs/cgroup";
        }
    }
}
