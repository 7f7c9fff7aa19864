package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.spec.Resources;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Scripts that do their worst: each ends by itself, with a status that says so, and its neighbour notices nothing. */
class HostileScriptTest extends WasmFixture {
    private static final Resources SMALL = new Resources(16_000, 16L << 20, 4L << 20, 8);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "for (;;) setTimeout(() => {}, 1e9)",
                "const all = []; for (;;) all.push(Promise.resolve().then(() => new Uint8Array(1000)))",
                "const all = []; for (;;) all.push(new Uint8Array(1 << 20))",
                "function f() { return f() + 1 } f()",
                "const deep = () => new Proxy({}, { get: (t, k) => deep()[k] }); deep().x",
                "'x'.repeat(1e9)",
                "process.stdout.write('x'.repeat(40e6))",
                "throw { get message() { throw 1 }, get stack() { throw 2 }, toString() { throw 3 } }",
                "Object.defineProperty(Object.prototype, 'then', { get() { throw new Error('then') } }); await {}; throw 1",
                "globalThis.process = null; globalThis.console = null; await fetch('http://127.0.0.1:1/')",
                "for (const key of Reflect.ownKeys(globalThis)) try { delete globalThis[key] } catch {} ; throw 1",
                "JSON.parse('['.repeat(1e6))",
                "await new Promise(() => {})",
            })
    void itEndsAndHarmsNobody(String script) throws Exception {
        Machine neighbour = machine("js", SMALL);
        try (GuestProcess waiting = start(
                neighbour,
                "js",
                "-e",
                "console.log('up'); await process.stdin.readText(); setTimeout(() => {}, 1e9)")) {
            assertThat(firstOutput(waiting)).isEqualTo("up\n");
            Machine machine = machine("js", SMALL);
            Result result = run(machine, "js", "-e", script);
            assertThat(result.status()).as("%s", result).isPositive();
            assertThat(result.stderr()).doesNotContain("the engine failed");
            assertThat(run(machine, "js", "-e", "console.log(6 * 7)").stdout()).isEqualTo("42\n");
            assertThat(run(neighbour, "js", "-e", "console.log('fine')").stdout())
                    .isEqualTo("fine\n");
        }
    }

    @Test
    void aFloodOfLinksAndOpenFilesEndsAtTheLimits() throws Exception {
        Machine machine = machine("js", SMALL);
        Result result = run(machine, "js", "-e", """
                import fs from 'node:fs';
                let made = 0;
                try { for (;;) fs.writeFileSync('/tmp/f' + made, '') || made++; } catch (error) { console.log(error.code, made < 16384); }
                """);
        assertThat(result.stdout()).isEqualTo("ENOSPC true\n");
        assertThat(List.of(0, 1)).contains(result.status());
    }
}
