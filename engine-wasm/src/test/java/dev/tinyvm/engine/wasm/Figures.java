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
import java.util.Set;
import run.endive.compiler.MachineFactoryCompiler;
import run.endive.wasm.Parser;
import run.endive.wasm.WasmModule;

/** The figures of docs/wasm.md; a main program, no test. That page has the command. */
final class Figures {
    private static final Resources RESOURCES = new Resources(16_000, 64L << 20, 16L << 20, 64);
    private static int next;

    private Figures() {}

    public static void main(String[] arguments) throws Exception {
        Path work = Files.createTempDirectory("wasm-figures");
        Path cache = work.resolve("cache");
        long start = System.nanoTime();
        try (WasmEngine engine = engine(work, cache)) {
            machine(engine, "js").destroy();
            System.out.printf("js, first time ever (compiles): %d ms%n", (System.nanoTime() - start) / 1_000_000);
        }
        start = System.nanoTime();
        try (WasmEngine engine = engine(work, cache)) {
            machine(engine, "js").destroy();
            System.out.printf("js, from the disk cache: %d ms%n", (System.nanoTime() - start) / 1_000_000);
            starts(engine, "js agent: create, print, exit, destroy", "js", "js", "-e", "console.log('hello')");
            starts(engine, "C hello: create, print, exit, destroy", WasmFixture.MULTI, "echo", "hello");
            execs(engine);
            rates(engine);
            checkpoints(engine, work);
            share(engine);
            memory(engine);
        }
        try (var all = Files.walk(work)) {
            for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    private static void starts(WasmEngine engine, String what, String image, String... command) throws Exception {
        for (int i = 0; i < 300; i++) {
            once(engine, image, command);
        }
        long[] nanos = new long[1000];
        for (int i = 0; i < nanos.length; i++) {
            nanos[i] = once(engine, image, command);
        }
        print(what, nanos);
    }

    /** Create to first output. */
    private static long once(WasmEngine engine, String image, String... command) throws Exception {
        long start = System.nanoTime();
        Machine machine = machine(engine, image);
        try (GuestProcess process = WasmFixture.start(machine, command)) {
            WasmFixture.firstOutput(process);
            long done = System.nanoTime() - start;
            WasmFixture.drain(process);
            return done;
        } finally {
            machine.destroy();
        }
    }

    private static void execs(WasmEngine engine) throws Exception {
        Machine machine = machine(engine, WasmFixture.MULTI);
        long[] nanos = new long[2000];
        for (int i = 0; i < nanos.length; i++) {
            long start = System.nanoTime();
            GuestProcess process = WasmFixture.start(machine, "true");
            WasmFixture.drain(process);
            nanos[i] = System.nanoTime() - start;
            machine.forget(process.processId());
        }
        print("exec of true in a running machine", nanos);
        machine.destroy();
    }

    /** The same module with Endive's own interrupt checks instead of checkpoints. */
    private static void checkpoints(WasmEngine engine, Path work) throws Exception {
        WasmModule module = Parser.builder().build().parse(() -> open(WasmFixture.MULTI));
        CompiledModule plain =
                new CompiledModule("plain", module, MachineFactoryCompiler.compile(module), Set.of("sieve"), false);
        MachineSpec spec = new MachineSpec("plain", WasmFixture.MULTI, RESOURCES, List.of(), "tiny", "user");
        Machine unchecked = new WasmMachine(
                engine,
                spec,
                new WasmProgram(plain, "plain.wasm"),
                new FileTree(work.resolve("plain-disk"), 16L << 20, engine.heap(), "tiny"));
        Machine checked = machine(engine, WasmFixture.MULTI);
        for (int i = 0; i < 4; i++) {
            for (Machine one : List.of(checked, unchecked)) {
                long start = System.nanoTime();
                WasmFixture.run(one, "sieve", "200");
                System.out.printf(
                        "sieve with %s: %d ms%n",
                        one.id().startsWith("f-") ? "checkpoints" : "interrupt checks",
                        (System.nanoTime() - start) / 1_000_000);
            }
        }
        checked.destroy();
        unchecked.kill();
    }

    private static java.io.InputStream open(String file) {
        try {
            return Files.newInputStream(Path.of(file));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void rates(WasmEngine engine) throws Exception {
        Machine js = machine(engine, "js");
        for (int i = 0; i < 3; i++) {
            long start = System.nanoTime();
            WasmFixture.run(js, "js", "-e", "let s = 0; for (let i = 0; i < 1e6; i++) s = (s + i) | 0; console.log(s)");
            System.out.printf("JavaScript loop, 1 million rounds: %d ms%n", (System.nanoTime() - start) / 1_000_000);
        }
        js.destroy();
    }

    private static void share(WasmEngine engine) throws Exception {
        for (int millis : new int[] {100, 300, 500}) {
            Machine machine = engine.create(new MachineSpec(
                    "share-" + millis,
                    WasmFixture.MULTI,
                    new Resources(millis, 64L << 20, 16L << 20, 4),
                    List.of(),
                    "x",
                    ""));
            WasmFixture.start(machine, "spin");
            Thread.sleep(500);
            long cpu = machine.stats().cpuMicros();
            long start = System.nanoTime();
            Thread.sleep(3000);
            double used = (machine.stats().cpuMicros() - cpu) * 1000.0 / (System.nanoTime() - start);
            System.out.printf("busy loop at cpu %.1f: %.3f of a core%n", millis / 1000.0, used);
            machine.destroy();
        }
        Machine machine = machine(engine, WasmFixture.MULTI);
        WasmFixture.start(machine, "spin");
        long[] freeze = new long[200];
        long[] thaw = new long[200];
        for (int i = 0; i < freeze.length; i++) {
            Thread.sleep(2);
            long start = System.nanoTime();
            machine.freeze();
            freeze[i] = System.nanoTime() - start;
            start = System.nanoTime();
            machine.thaw();
            thaw[i] = System.nanoTime() - start;
        }
        print("freeze of a busy loop", freeze);
        print("thaw", thaw);
        long start = System.nanoTime();
        machine.destroy();
        System.out.printf("destroy with a busy loop: %.2f ms%n", (System.nanoTime() - start) / 1e6);
    }

    private static void memory(WasmEngine engine) throws Exception {
        long before = heap();
        long resident = resident();
        List<Machine> machines = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            Machine machine = machine(engine, "js");
            machines.add(machine);
            WasmFixture.firstOutput(
                    WasmFixture.start(machine, "js", "-e", "console.log('up'); setTimeout(() => {}, 1e9)"));
        }
        System.out.printf(
                "500 live JavaScript agents, each: %d KiB of heap, %d KiB resident (it grows with the heap), linear memory %d KiB%n",
                (heap() - before) / 500 / 1024,
                (resident() - resident) / 500 / 1024,
                machines.getFirst().stats().memoryBytes() / 1024);
        machines.forEach(Machine::destroy);
    }

    private static long heap() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(100);
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static long resident() throws java.io.IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(l -> l.startsWith("VmRSS:"))
                .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) * 1024)
                .sum();
    }

    private static WasmEngine engine(Path work, Path cache) {
        return new WasmEngine(new WasmSettings(work.resolve("vms"), cache, 2L << 30, Optional.empty()));
    }

    private static Machine machine(WasmEngine engine, String image) {
        return engine.create(new MachineSpec("f-" + next++, image, RESOURCES, List.of(), "tiny", "user"));
    }

    private static void print(String what, long[] nanos) {
        Arrays.sort(nanos);
        System.out.printf(
                "%s: p50 %.2f ms, p90 %.2f, p99 %.2f (n=%d)%n",
                what,
                nanos[nanos.length / 2] / 1e6,
                nanos[nanos.length * 9 / 10] / 1e6,
                nanos[nanos.length * 99 / 100] / 1e6,
                nanos.length);
    }
}
