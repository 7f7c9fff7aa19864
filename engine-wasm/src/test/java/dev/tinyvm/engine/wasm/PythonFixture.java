package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.spec.Resources;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** Tiny VMs of image {@code python-wasi}, from what {@code ./tinyvm} has prepared on this machine or, when it has not, from what is prepared now. */
abstract class PythonFixture extends WasmFixture {
    static final Resources ROOM = new Resources(16_000, 64L << 20, 4L << 20, 64);
    private static final int NOT_TO_BE_HAD = 3;
    private static Path prepared = Path.of("");

    @BeforeAll
    static void prepare() throws Exception {
        String home = System.getenv().getOrDefault("XDG_CACHE_HOME", System.getProperty("user.home") + "/.cache");
        prepared = Path.of(home, "tinyvm", "python");
        Files.createDirectories(prepared);
        // In a process of its own: compiling takes more heap than tests have.
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx1536m",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        PythonFixture.class.getName(),
                        prepared.toString())
                .inheritIO()
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        if (!process.waitFor(300, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("preparing Python took more than 300 s");
        }
        Assumptions.assumeTrue(
                process.exitValue() != NOT_TO_BE_HAD, "SKIPPED: Python's module cannot be had from npm's registry");
        assertThat(process.exitValue()).as("preparing Python").isZero();
    }

    public static void main(String[] arguments) throws InterruptedException {
        try {
            WasmEngine.preparePython(Path.of(arguments[0]), Path.of(arguments[0]));
        } catch (IOException e) {
            System.err.println(e);
            System.exit(NOT_TO_BE_HAD);
        }
    }

    @Override
    @BeforeEach
    void open() {
        engine = new WasmEngine(new WasmSettings(work, cache, HEAP_BYTES, Optional.empty()).withPrepared(prepared));
    }

    Machine python() {
        return machine("python-wasi", ROOM);
    }

    Result code(String code, String... arguments) throws InterruptedException {
        return in(python(), code, arguments);
    }

    static Result in(Machine machine, String code, String... arguments) throws InterruptedException {
        String[] command = new String[arguments.length + 3];
        command[0] = "python";
        command[1] = "-c";
        command[2] = code;
        System.arraycopy(arguments, 0, command, 3, arguments.length);
        return run(machine, command);
    }

    static Result with(Machine machine, Map<String, String> env, String code) throws InterruptedException {
        ExecRequest request = request(env, false, "python", "-c", code);
        try (GuestProcess process = machine.exec(request)) {
            return drain(process);
        }
    }
}
