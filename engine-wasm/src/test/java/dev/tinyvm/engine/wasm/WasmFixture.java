package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Resources;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** An engine over a directory of its own, machines, commands. */
abstract class WasmFixture {
    static final Duration PATIENCE = Duration.ofSeconds(60);
    static final String MULTI = "src/test/resources/wasm/multi.wasm";
    static final Resources RESOURCES = new Resources(1000, 64L << 20, 4L << 20, 64);
    static final long HEAP_BYTES = 200L << 20;
    private static final AtomicInteger NEXT = new AtomicInteger();

    @TempDir
    static Path cache;

    @TempDir
    Path work;

    WasmEngine engine;

    @BeforeEach
    void open() {
        engine = new WasmEngine(new WasmSettings(work, cache, HEAP_BYTES, Optional.empty()));
    }

    @AfterEach
    void closeAndLookForLeftovers() {
        engine.close();
        assertThat(work).isEmptyDirectory();
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(n -> n.startsWith("wasm-t-"));
        assertThat(engine.heap().leftBytes()).as("heap given back").isEqualTo(HEAP_BYTES);
    }

    Machine machine() {
        return machine(MULTI, RESOURCES);
    }

    Machine machine(String image, Resources resources) {
        return engine.create(
                new MachineSpec("t-" + NEXT.incrementAndGet(), image, resources, List.of(), "tiny", "user"));
    }

    static GuestProcess start(Machine machine, String... command) {
        return machine.exec(request(Map.of(), false, command));
    }

    static ExecRequest request(Map<String, String> env, boolean stdin, String... command) {
        return new ExecRequest(List.of(command), env, "", "", Optional.empty(), stdin, "");
    }

    static Result run(Machine machine, String... command) throws InterruptedException {
        try (GuestProcess process = start(machine, command)) {
            return drain(process);
        }
    }

    static Result drain(GuestProcess process) throws InterruptedException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        while (true) {
            switch (process.next()) {
                case Output.Stdout o -> out.writeBytes(o.bytes());
                case Output.Stderr o -> err.writeBytes(o.bytes());
                case Output.Exited e -> {
                    return new Result(text(out), text(err), e.shellStatus());
                }
                case Output.Lost _ -> {
                    return new Result(text(out), text(err), -1);
                }
            }
            process.acknowledge(out.size(), err.size());
        }
    }

    static String firstOutput(GuestProcess process) throws InterruptedException {
        if (process.next() instanceof Output.Stdout output) {
            return new String(output.bytes(), StandardCharsets.UTF_8);
        }
        throw new AssertionError("no output");
    }

    static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waiting for " + what).isLessThan(deadline);
            Thread.sleep(5);
        }
    }

    static void write(Machine machine, String path, String text) throws Exception {
        try (var stream = machine.files().write("", path, dev.tinyvm.engine.GuestFiles.WriteOptions.REPLACE)) {
            stream.write(text.getBytes(StandardCharsets.UTF_8));
        }
    }

    private static String text(ByteArrayOutputStream bytes) {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    record Result(String stdout, String stderr, int status) {}
}
