package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Resources;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * JavaScript and Python here and as this machine's own {@code node} and {@code python3} run them, in turns, by CPU time; a main program, no test. docs/wasm.md has the
 * command. @see Figures
 */
final class LanguageFigures {
    private static final Resources RESOURCES = new Resources(16_000, 64L << 20, 16L << 20, 64);
    private static final String PYTHON_LOOP = "x = 0\nfor i in range(%d): x += i\n";
    private static final String JS_LOOP = "let s = 0; for (let i = 0; i < %d; i++) s = (s + i) | 0;";
    private static final String PYTHON_JSON =
            "import json\nd = json.dumps([{'name': 'n%%d' %% i, 'x': [i, 1.5, None]} for i in range(500)])\nfor _ in range(%d): json.loads(d)\n";
    private static int next;

    private LanguageFigures() {}

    /** @param arguments where Python was prepared, such as {@code ~/.cache/tinyvm/python} */
    public static void main(String[] arguments) throws Exception {
        Path work = Files.createTempDirectory("wasm-figures");
        WasmSettings settings = new WasmSettings(work.resolve("vms"), work.resolve("cache"), 2L << 30, Optional.empty())
                .withPrepared(Path.of(arguments[0]));
        try (WasmEngine engine = new WasmEngine(settings)) {
            long before = heap();
            long start = System.nanoTime();
            machine(engine, "python-wasi").destroy();
            System.out.printf(
                    "Python from disk, once for each manager: %d ms, %d KiB of heap%n",
                    (System.nanoTime() - start) / 1_000_000, (heap() - before) >> 10);
            starts(engine);
            for (int i = 0; i < 3; i++) {
                compare(engine, "Python, a round of a loop", "python-wasi", "python3", "-c", PYTHON_LOOP, 200_000);
                compare(engine, "Python, parsing 30 KB of JSON", "python-wasi", "python3", "-c", PYTHON_JSON, 40);
                compare(engine, "JavaScript, a round of a loop", "js", "node", "-e", JS_LOOP, 1_000_000);
            }
            memory(engine);
        }
        System.exit(0);
    }

    private static void starts(WasmEngine engine) throws Exception {
        long[] nanos = new long[60];
        long cpu = 0;
        for (int i = -5; i < nanos.length; i++) {
            long start = System.nanoTime();
            Machine machine = machine(engine, "python-wasi");
            try (GuestProcess process = WasmFixture.start(machine, "python", "-c", "print('hello')")) {
                WasmFixture.firstOutput(process);
                if (i >= 0) {
                    nanos[i] = System.nanoTime() - start;
                }
                WasmFixture.drain(process);
                cpu += i >= 0 ? machine.stats().cpuMicros() : 0;
            }
            machine.destroy();
        }
        Arrays.sort(nanos);
        System.out.printf(
                "Python, create to first output: p50 %.1f ms, p90 %.1f; %.1f ms of CPU for the whole command (n=%d)%n",
                nanos[nanos.length / 2] / 1e6,
                nanos[nanos.length * 9 / 10] / 1e6,
                cpu / 1e3 / nanos.length,
                nanos.length);
    }

    /** CPU time of a round, the start of the interpreter taken off. */
    private static void compare(
            WasmEngine engine, String what, String image, String program, String option, String code, int rounds)
            throws Exception {
        Machine machine = machine(engine, image);
        String inside = image.equals("js") ? "js" : "python";
        double here = inside(machine, inside, option, code.formatted(rounds))
                - inside(machine, inside, option, code.formatted(1));
        machine.destroy();
        int more = rounds * 20;
        double there = outside(program, option, code.formatted(more)) - outside(program, option, code.formatted(1));
        System.out.printf(
                "%s: here %.3f µs, %s %.4f µs: %.0f times slower%n",
                what, here / rounds, program, there / more, here / rounds / (there / more));
    }

    private static double inside(Machine machine, String... command) throws InterruptedException {
        long before = machine.stats().cpuMicros();
        WasmFixture.Result result = WasmFixture.run(machine, command);
        if (result.status() != 0) {
            throw new IllegalStateException(result.stderr());
        }
        return machine.stats().cpuMicros() - before;
    }

    private static double outside(String... command) throws Exception {
        Process process = new ProcessBuilder(command).inheritIO().start();
        ProcessHandle handle = process.toHandle();
        long micros = 0;
        while (process.isAlive()) {
            micros = Math.max(
                    micros,
                    handle.info()
                            .totalCpuDuration()
                            .map(d -> d.toNanos() / 1000)
                            .orElse(0L));
            Thread.sleep(1);
        }
        return micros;
    }

    private static void memory(WasmEngine engine) throws Exception {
        long before = heap();
        List<Machine> machines = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            Machine machine = machine(engine, "python-wasi");
            machines.add(machine);
            WasmFixture.firstOutput(WasmFixture.start(
                    machine, "python", "-c", "import time; print('up', flush=True); time.sleep(1e6)"));
        }
        System.out.printf(
                "50 live Python agents, each: %d KiB of heap, %d KiB of its limit%n",
                (heap() - before) / 50 / 1024, machines.getFirst().stats().memoryBytes() / 1024);
        machines.forEach(Machine::destroy);
    }

    private static long heap() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(100);
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static Machine machine(WasmEngine engine, String image) {
        return engine.create(new MachineSpec("l-" + next++, image, RESOURCES, List.of(), "tiny", "user"));
    }
}
