package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Compiles a large module in a JVM of its own, with a bound for its time and its memory: what a hostile module costs there harms neither the manager nor
 * its guests. Small ones are compiled in place, where their size is the bound. One at a time.
 */
final class CompileProcess {
    /** Up to here a module's compilation takes a few dozen MB, and about a second. */
    static final int IN_PLACE_BYTES = 700 << 10;

    private static final String HEAP = "-Xmx1536m";
    private static final int REFUSED = 2;
    private static final int MAX_MESSAGE_BYTES = 4000;
    private static final Semaphore ONE = new Semaphore(1);

    private CompileProcess() {}

    /** @param directory for its files @throws EngineException {@code IMAGE} when the module is refused, or costs too much */
    static CompiledCode compile(byte[] wasm, String name, Path directory, Duration patience)
            throws IOException, InterruptedException {
        Path in = Files.createTempFile(directory, "new-", ".wasm");
        Path out = Files.createTempFile(directory, "new-", ".tmp");
        Path said = Files.createTempFile(directory, "new-", ".txt");
        try {
            Files.write(in, wasm);
            int status = run(command(in, out, name), said, patience);
            if (status == 0) {
                return CompiledCode.read(Files.readAllBytes(out));
            }
            String message = message(said);
            if (status == REFUSED) {
                throw new EngineException(Code.IMAGE, message);
            }
            throw new EngineException(
                    Code.IMAGE,
                    "could not prepare " + name + ": "
                            + (status < 0
                                    ? "compiling it took more than " + patience.toSeconds() + " s"
                                    : "compiling it failed with status " + status + ", for want of memory (" + HEAP
                                            + ") or by an error of the compiler: " + message));
        } finally {
            Files.deleteIfExists(in);
            Files.deleteIfExists(out);
            Files.deleteIfExists(said);
        }
    }

    /** @return its status; −1 when its time was over */
    private static int run(List<String> command, Path said, Duration patience)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .redirectInput(new File("/dev/null"));
        builder.environment().clear();
        ONE.acquire();
        try {
            Process process = builder.start();
            try {
                return process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS) ? process.exitValue() : -1;
            } finally {
                process.destroyForcibly().waitFor();
            }
        } finally {
            ONE.release();
        }
    }

    private static List<String> command(Path in, Path out, String name) {
        String path = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                HEAP,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
                "-XX:+ExitOnOutOfMemoryError",
                "-cp",
                path,
                CompileProcess.class.getName(),
                in.toString(),
                out.toString(),
                name);
    }

    private static String message(Path said) throws IOException {
        byte[] all = Files.readAllBytes(said);
        int from = Math.max(0, all.length - MAX_MESSAGE_BYTES);
        return new String(all, from, all.length - from, StandardCharsets.UTF_8).strip();
    }

    /** @param arguments the module's file, the file to write, the module's name for messages */
    public static void main(String[] arguments) throws IOException {
        try {
            CompiledCode code = CompiledCode.compile(Files.readAllBytes(Path.of(arguments[0])), arguments[2], false);
            Files.write(Path.of(arguments[1]), code.bytes());
        } catch (EngineException e) {
            System.out.println(e.getMessage());
            System.exit(REFUSED);
        }
    }
}
