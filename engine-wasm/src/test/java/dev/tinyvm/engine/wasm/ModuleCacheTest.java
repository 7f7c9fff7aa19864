package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.ByteArrayOutputStream;
import java.lang.management.ClassLoadingMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Modules are compiled once, and refused when they could not be bounded. */
class ModuleCacheTest {
    private static final byte[] HEADER = {0, 'a', 's', 'm', 1, 0, 0, 0};

    @TempDir
    private Path directory;

    @Test
    void theSecondStartReadsWhatTheFirstCompiled() throws Exception {
        byte[] multi = Files.readAllBytes(Path.of(WasmFixture.MULTI));
        CompiledModule first = new ModuleCache(directory).load(multi, "multi.wasm");
        CompiledModule second = new ModuleCache(directory).load(multi, "multi.wasm");
        assertThat(first.fromCache()).isFalse();
        assertThat(second.fromCache()).isTrue();
        assertThat(second.programs()).contains("echo", "cat");
        ModuleCache same = new ModuleCache(directory);
        assertThat(same.load(multi, "multi.wasm")).isSameAs(same.load(multi, "multi.wasm"));
    }

    @Test
    void aDamagedFileIsCompiledAnew() throws Exception {
        byte[] multi = Files.readAllBytes(Path.of(WasmFixture.MULTI));
        new ModuleCache(directory).load(multi, "multi.wasm");
        Path file;
        try (var files = Files.list(directory)) {
            file = files.findFirst().orElseThrow();
        }
        byte[] content = Files.readAllBytes(file);
        content[content.length / 2] ^= 1;
        Files.write(file, content);
        assertThat(new ModuleCache(directory).load(multi, "multi.wasm").fromCache())
                .isFalse();
        Files.write(file, new byte[5]);
        assertThat(new ModuleCache(directory).load(multi, "multi.wasm").fromCache())
                .isFalse();
        assertThat(new ModuleCache(directory).load(multi, "multi.wasm").fromCache())
                .isTrue();
    }

    /** What the build has prepared is enough for a script: nothing is compiled, no snapshot is taken, nothing is written. */
    @Test
    void aScriptStartsFromWhatTheBuildHasPrepared(@TempDir Path prepared, @TempDir Path work) throws Exception {
        WasmEngine.prepare(prepared);
        assertThat(prepared).isDirectoryContaining("glob:**/snapshot-*.sum");
        Path cache = directory.resolve("own");
        try (WasmEngine engine = new WasmEngine(
                new WasmSettings(work, cache, 64 << 20, java.util.Optional.empty()).withPrepared(prepared))) {
            var machine = engine.create(new dev.tinyvm.engine.MachineSpec(
                    "prepared", "js", WasmFixture.RESOURCES, java.util.List.of(), "tiny", "user"));
            assertThat(WasmFixture.run(machine, "js", "-e", "console.log([1, 2].map((x) => x * 2))")
                            .stdout())
                    .isEqualTo("[ 2, 4 ]\n");
        }
        assertThat(cache).doesNotExist();
    }

    @Test
    void aDamagedSnapshotIsTakenAnew(@TempDir Path work) throws Exception {
        WasmEngine.prepare(directory);
        Path snapshot;
        try (var files = Files.newDirectoryStream(directory, "snapshot-*")) {
            snapshot = files.iterator().next();
        }
        byte[] content = Files.readAllBytes(snapshot);
        content[content.length / 2] ^= 1;
        Files.write(snapshot, content);
        try (WasmEngine engine =
                new WasmEngine(new WasmSettings(work, directory, 64 << 20, java.util.Optional.empty()))) {
            var machine = engine.create(new dev.tinyvm.engine.MachineSpec(
                    "damaged", "js", WasmFixture.RESOURCES, java.util.List.of(), "tiny", "user"));
            assertThat(WasmFixture.run(machine, "js", "-e", "console.log('fine')")
                            .stdout())
                    .isEqualTo("fine\n");
        }
        assertThat(snapshot).binaryContent().isNotEqualTo(content);
    }

    @Test
    void whatWasNotUsedForTheLongestTimeIsPruned() throws Exception {
        for (int i = 0; i < 4; i++) {
            Path file = Files.write(directory.resolve(i + ".module.sum"), new byte[100]);
            Files.setLastModifiedTime(file, java.nio.file.attribute.FileTime.fromMillis(1_000_000L * (i + 1)));
        }
        CachePruning.prune(directory, 250);
        assertThat(directory)
                .isDirectoryNotContaining("glob:**/1.module.sum")
                .isDirectoryContaining("glob:**/3.module.sum");
        CachePruning.prune(directory, 10);
        assertThat(directory.resolve("3.module.sum")).exists();
        assertThat(directory.resolve("2.module.sum")).doesNotExist();
    }

    @Test
    void whatIsNoModuleIsRefused() {
        assertRefused("hello".getBytes(StandardCharsets.UTF_8), "no WebAssembly module");
        assertRefused(new byte[0], "no WebAssembly module");
        byte[] multi = multi();
        Random random = new Random(5);
        for (int i = 0; i < 40; i++) {
            byte[] broken = java.util.Arrays.copyOf(multi, random.nextInt(multi.length));
            assertRefused(broken, "x.wasm");
        }
    }

    @Test
    void modulesThatCouldNotBeBoundedAreRefused() {
        // (memory 1 1 shared)
        assertRefused(module(5, 1, 3, 1, 1), "shared memory");
        // Two memories.
        assertRefused(module(5, 2, 0, 1, 0, 1), "memories");
        // (type (array i8)): lives on the JVM's heap.
        assertRefused(module(1, 1, 0x5e, 0x78, 0), "garbage-collected");
        // (table 16000000 funcref)
        assertRefused(module(4, 1, 0x70, 0, 0x80, 0xc8, 0xd0, 7), "x.wasm");
        // (import "env" "f" (func))
        assertRefused(module(1, 1, 0x60, 0, 0, -2, 2, 1, 3, 'e', 'n', 'v', 1, 'f', 0, 0), "imports env.f");
        // (import "env" "m" (memory 1))
        assertRefused(module(2, 1, 3, 'e', 'n', 'v', 1, 'm', 2, 0, 1), "no function");
    }

    @Test
    void aMutatedModuleNeverBreaksTheLoader() {
        byte[] multi = multi();
        Random random = new Random(7);
        for (int i = 0; i < 60; i++) {
            byte[] mutated = multi.clone();
            for (int j = 0; j < 3; j++) {
                mutated[8 + random.nextInt(mutated.length - 8)] = (byte) random.nextInt();
            }
            try {
                assertThat(new ModuleCache(directory).load(mutated, "x.wasm")).isNotNull();
            } catch (EngineException e) {
                assertThat(e.code()).isEqualTo(Code.IMAGE);
            }
        }
    }

    @Test
    void aLargeModuleIsCompiledInAProcessOfItsOwn() throws Exception {
        byte[] large = padded(multi(), CompileProcess.IN_PLACE_BYTES);
        ModuleCache cache = new ModuleCache(directory);
        assertThat(cache.load(large, "large.wasm").fromCache()).isFalse();
        assertThat(new ModuleCache(directory).load(large, "large.wasm").fromCache())
                .isTrue();
        assertThat(directory).isDirectoryNotContaining("glob:**/new-*");
        byte[] broken = padded(module(5, 2, 0, 1, 0, 1), CompileProcess.IN_PLACE_BYTES);
        assertRefused(broken, "memories");
    }

    @Test
    void whatTakesTooLongToCompileIsGivenUp() {
        assertThatThrownBy(() -> CompileProcess.compile(multi(), "slow.wasm", directory, Duration.ofMillis(1)))
                .isInstanceOf(EngineException.class)
                .hasMessageContaining("slow.wasm")
                .hasMessageContaining("took more than");
        assertThat(directory).isDirectoryNotContaining("glob:**/new-*");
    }

    /** One expression of 180,000 bytes, as no compiler writes it: no statement ends before the last. */
    @Test
    void aFunctionThatIsTooLargeAndCannotBeCutIsRefusedRatherThanInterpreted() {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.writeBytes(new byte[] {0, 0x41, 1});
        for (int i = 0; i < 60_000; i++) {
            body.writeBytes(new byte[] {0x41, 1, 0x6a});
        }
        body.writeBytes(new byte[] {0x1a, 0x0b});
        ByteArrayOutputStream code = new ByteArrayOutputStream();
        code.write(1);
        leb(code, body.size());
        code.writeBytes(body.toByteArray());
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(HEADER);
        all.writeBytes(new byte[] {1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10});
        leb(all, code.size());
        all.writeBytes(code.toByteArray());
        assertRefused(all.toByteArray(), "too large for the JVM");
    }

    @Test
    void classesOfModulesThatNobodyUsesAnyMoreAreUnloaded() throws Exception {
        ModuleCache cache = new ModuleCache(directory);
        ClassLoadingMXBean classes = ManagementFactory.getClassLoadingMXBean();
        byte[] small = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b};
        cache.load(small, "first.wasm");
        long perModule = 0;
        long start = classes.getLoadedClassCount();
        for (int i = 0; i < 300; i++) {
            cache.load(padded(small, 1 + i), "m" + i + ".wasm");
            perModule = i == 9 ? (classes.getLoadedClassCount() - start) / 10 + 1 : perModule;
        }
        long bound = start + 60 * perModule;
        for (int i = 0; i < 50 && classes.getLoadedClassCount() > bound; i++) {
            System.gc();
            Thread.sleep(50);
        }
        assertThat(perModule).isPositive();
        assertThat(classes.getLoadedClassCount()).isLessThan((int) bound);
    }

    /** The same module with a custom section of so many bytes. */
    private static byte[] padded(byte[] module, int bytes) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(module);
        all.write(0);
        leb(all, bytes + 2);
        all.writeBytes(new byte[] {1, 'p'});
        all.writeBytes(new byte[bytes]);
        return all.toByteArray();
    }

    private static void leb(ByteArrayOutputStream out, int value) {
        int rest = value;
        for (; rest > 0x7f; rest >>>= 7) {
            out.write((rest & 0x7f) | 0x80);
        }
        out.write(rest);
    }

    private void assertRefused(byte[] module, String reason) {
        assertThatThrownBy(() -> new ModuleCache(directory).load(module, "x.wasm"))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.IMAGE))
                .hasMessageContaining(reason);
    }

    private static byte[] multi() {
        try {
            return Files.readAllBytes(Path.of(WasmFixture.MULTI));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** A module of one section, or of several: −2 begins the next. */
    private static byte[] module(int id, int... content) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(HEADER);
        ByteArrayOutputStream section = new ByteArrayOutputStream();
        int current = id;
        for (int i = 0; i <= content.length; i++) {
            if (i == content.length || content[i] == -2) {
                all.write(current);
                all.write(section.size());
                all.writeBytes(section.toByteArray());
                section.reset();
                if (i < content.length) {
                    current = content[++i];
                }
            } else {
                section.write(content[i]);
            }
        }
        return all.toByteArray();
    }
}
