package dev.tinyvm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;

/** What the contract's suites share: making machines, running commands, waiting. */
public abstract class ContractFixture {
    /** A very slow machine's time; no test measures how long something takes. */
    protected static final Duration PATIENCE = Duration.ofSeconds(60);

    protected static final Resources RESOURCES = new Resources(1000, 256L << 20, 64L << 20, 256);
    private static final AtomicInteger NEXT_ID = new AtomicInteger();

    private final List<String> made = new ArrayList<>();

    /** The engine under test, the same until {@link #reopen}. */
    protected abstract Engine engine();

    /** Closes the engine and opens another over the same host, as the next manager would. */
    protected abstract Engine reopen();

    protected abstract ContractCommands commands();

    /** Whether commands can have a terminal. */
    protected abstract boolean hasTerminals();

    /** Whether this wall can have a routed interface. Where not, it must say so. */
    protected boolean hasRoutedInterfaces() {
        return false;
    }

    /** Fails when the host still holds anything of the machine. */
    protected abstract void assertNothingLeft(String id);

    @AfterEach
    void destroyWhatWasMade() {
        made.forEach(id -> engine().destroy(id));
    }

    protected Machine machine() {
        return machine(List.of());
    }

    protected Machine machine(List<Volume> volumes) {
        return engine().create(spec(newId(), volumes));
    }

    protected String newId() {
        String id = "contract-" + ProcessHandle.current().pid() + "-" + NEXT_ID.incrementAndGet();
        made.add(id);
        return id;
    }

    protected MachineSpec spec(String id, List<Volume> volumes) {
        return new MachineSpec(id, "host", RESOURCES, volumes, "tiny", "user");
    }

    /** Runs a command to its end, acknowledging what it says. */
    protected Result run(Machine machine, List<String> command) throws InterruptedException {
        return run(machine, request(command, false));
    }

    protected Result run(Machine machine, String... command) throws InterruptedException {
        return run(machine, List.of(command));
    }

    protected Result run(Machine machine, ExecRequest request) throws InterruptedException {
        try (GuestProcess process = machine.exec(request)) {
            return drain(process);
        }
    }

    protected static ExecRequest request(List<String> command, boolean stdin) {
        return new ExecRequest(command, Map.of(), "", "", Optional.empty(), stdin, "");
    }

    /** Reads to the end, checking that offsets have neither gap nor overlap. */
    protected static Result drain(GuestProcess process) throws InterruptedException {
        return drain(process, 0, 0);
    }

    protected static Result drain(GuestProcess process, long stdoutFrom, long stderrFrom) throws InterruptedException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        while (true) {
            Output output = process.next();
            switch (output) {
                case Output.Stdout o -> {
                    assertThat(o.offset()).as("offset of stdout").isEqualTo(stdoutFrom + out.size());
                    out.writeBytes(o.bytes());
                }
                case Output.Stderr o -> {
                    assertThat(o.offset()).as("offset of stderr").isEqualTo(stderrFrom + err.size());
                    err.writeBytes(o.bytes());
                }
                case Output.Exited e -> {
                    return new Result(
                            out.toString(StandardCharsets.UTF_8),
                            err.toString(StandardCharsets.UTF_8),
                            e.shellStatus(),
                            output);
                }
                case Output.Lost lost -> {
                    return new Result(
                            out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8), -1, lost);
                }
            }
            process.acknowledge(stdoutFrom + out.size(), stderrFrom + err.size());
        }
    }

    /** The first bytes of output as text. */
    protected static String firstOutput(GuestProcess process) throws InterruptedException {
        if (process.next() instanceof Output.Stdout output) {
            return new String(output.bytes(), StandardCharsets.UTF_8);
        }
        throw new AssertionError("no output");
    }

    protected static String spamOf(long bytes) {
        StringBuilder text = new StringBuilder();
        for (long line = 0; text.length() < bytes; line++) {
            String number = Long.toString(line);
            text.append("0".repeat(63 - number.length())).append(number).append('\n');
        }
        return text.substring(0, (int) bytes);
    }

    protected static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waiting for " + what).isLessThan(deadline);
            Thread.sleep(5);
        }
    }

    /**
     * What a command did.
     *
     * @param status as a shell says it; −1 when lost
     * @param end Exited or Lost
     */
    protected record Result(String stdout, String stderr, int status, Output end) {}
}
