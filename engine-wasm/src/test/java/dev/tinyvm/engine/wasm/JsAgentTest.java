package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.spec.Resources;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsAgentTest extends WasmFixture {
    @Test
    void aScriptFileRunsWithItsArguments(@TempDir Path host) throws Exception {
        Path script = Files.writeString(host.resolve("agent.js"), """
                console.log('%s has %d arguments', process.argv[1], process.argv.length - 2, process.argv.slice(2));
                console.log({ mode: process.env.MODE, list: [1, 'two', null], nested: { a: new Map([['k', 1]]) } });
                process.exitCode = 3;
                """);
        Machine machine = machine(script.toString(), RESOURCES);
        try (GuestProcess process = machine.exec(request(Map.of("MODE", "fast"), false, "agent.js", "a", "b c"))) {
            Result result = drain(process);
            assertThat(result.stderr()).isEmpty();
            assertThat(result.stdout()).isEqualTo("""
                            /app/agent.js has 2 arguments [ "a", "b c" ]
                            { mode: "fast", list: [ 1, "two", null ], nested: { a: Map(1) { "k" => 1 } } }
                            """);
            assertThat(result.status()).isEqualTo(3);
        }
    }

    @Test
    void timersAndPromisesRunInTheirOrder() throws Exception {
        assertThat(js("""
                setTimeout(() => console.log('second timer'), 400);
                const t = setInterval(() => { console.log('tick'); clearInterval(t); }, 1);
                queueMicrotask(() => console.log('microtask'));
                console.log('script');
                await new Promise((resolve) => setTimeout(resolve, 5));
                console.log('awaited');
                """).stdout()).isEqualTo("script\nmicrotask\ntick\nawaited\nsecond timer\n");
    }

    @Test
    void modulesAreImportedRelativeToTheImporter() throws Exception {
        Machine machine = machine("js", RESOURCES);
        machine.files().makeDirectory("", "lib/deep", 0755, true);
        write(
                machine,
                "main.mjs",
                "import { add } from './lib/math.js'; console.log(add(2, 3), import.meta ? 'esm' : '');");
        write(
                machine,
                "lib/math.js",
                "import { one } from './deep/../deep/one.js'; export const add = (a, b) => a + b + one;");
        write(machine, "lib/deep/one.js", "export const one = 1;");
        assertThat(run(machine, "js", "main.mjs").stdout()).isEqualTo("6 esm\n");
        Result missing = run(machine, "js", "-e", "import './none.js'");
        assertThat(missing.status()).isEqualTo(1);
        assertThat(missing.stderr()).contains("could not import").contains("ENOENT");
        assertThat(run(machine, "js", "-e", "import 'left-pad'").stderr()).contains("packages must be bundled");
    }

    @Test
    void filesAreReadAndWritten() throws Exception {
        Machine machine = machine("js", RESOURCES);
        write(machine, "in.txt", "grüße");
        Result result = run(machine, "js", "-e", """
                import fs, { readFileSync } from 'node:fs';
                import { writeFile } from 'fs/promises';
                fs.mkdirSync('out/deep', { recursive: true });
                await writeFile('out/deep/a', readFileSync('in.txt', 'utf8').toUpperCase());
                fs.appendFileSync('out/deep/a', new Uint8Array([33]));
                console.log(fs.readdirSync('out'), fs.statSync('out/deep/a').size, fs.existsSync('nope'));
                try { readFileSync('/root/x') } catch (e) { console.log(e.code) }
                try { readFileSync('../../etc/passwd') } catch (e) { console.log(e.code) }
                """);
        assertThat(result.stderr()).isEmpty();
        assertThat(result.stdout()).isEqualTo("[ \"deep\" ] 8 false\nEACCES\nENOENT\n");
        try (var content = machine.files().read("", "out/deep/a", 0, -1).stream()) {
            assertThat(new String(content.readAllBytes(), StandardCharsets.UTF_8))
                    .isEqualTo("GRÜSSE!");
        }
    }

    @Test
    void inputIsRead() throws Exception {
        Machine machine = machine("js", RESOURCES);
        try (GuestProcess process = machine.exec(
                request(Map.of(), true, "js", "-e", "console.log(process.stdin.readText().split('\\n').length)"))) {
            byte[] text = "line\n".repeat(30_000).getBytes(StandardCharsets.UTF_8);
            Thread writer = Thread.startVirtualThread(() -> {
                process.writeStdin(text, 0, text.length);
                process.closeStdin();
            });
            assertThat(drain(process).stdout()).isEqualTo("30001\n");
            writer.join();
        }
    }

    @Test
    void errorsEndTheAgentWithAMessage() throws Exception {
        assertThat(js("throw new RangeError('bad')"))
                .satisfies(r -> assertThat(r.stderr()).startsWith("Uncaught RangeError: bad\n    at "))
                .satisfies(r -> assertThat(r.status()).isEqualTo(1));
        assertThat(js("Promise.reject(new Error('nobody'))").stderr())
                .startsWith("Uncaught (in promise) Error: nobody");
        assertThat(js("const p = Promise.reject(1); p.catch(() => console.log('caught'))")
                        .stdout())
                .isEqualTo("caught\n");
        assertThat(js("setTimeout(() => { throw 1 }, 1)").stderr()).isEqualTo("Uncaught 1\n");
        assertThat(js("let x = ;").stderr()).startsWith("Uncaught SyntaxError");
        assertThat(js("await new Promise(() => {})").status()).isEqualTo(13);
        assertThat(js("setTimeout(() => process.exit(7), 1); setInterval(() => {}, 1)")
                        .status())
                .isEqualTo(7);
    }

    @Test
    void theExampleInTheRepositoryWorks() throws Exception {
        Machine machine = machine("../examples/wasm/words.js", RESOURCES);
        write(machine, "a.txt", "one two two");
        write(machine, "b.txt", "Two three.");
        Result result = run(machine, "words.js", "/home/user");
        assertThat(result.stdout()).isEqualTo("3 two\n1 one\n1 three\n");
        assertThat(result.stderr()).isEqualTo("info: counted 3 different words\n");
        assertThat(machine.files().stat("", "words.json", true).size()).isEqualTo(27);
    }

    @Test
    void theWebsOwnTypesAreThere() throws Exception {
        Result result = js("""
                const u = new URL('../c/./d?x=1&y=a b#h', 'https://Example.org:443/a/b');
                console.log(u.href, u.origin, u.searchParams.get('y'));
                u.searchParams.set('z', '&'); u.port = 8080; u.pathname = '/p q';
                console.log(String(u), URL.canParse('nope'), new URL('http://[::1]:3/').host);
                console.log(new URL('?q', 'http://h/p?old').href, new URL('//other/x', 'http://h/').href, new URL('/abs', 'http://h/a/b').href);
                console.log(new URLSearchParams({ a: 'ä +', b: 1 }).toString(), [...new URLSearchParams('?k=1&k=2')].length);
                const h = new Headers({ 'Content-Type': 'a' }); h.append('x', 1); h.append('X', 2);
                console.log([...h].join(' | '), h.has('content-type'));
                console.log(atob(btoa('h\u00fc')) === 'h\u00fc', crypto.randomUUID().length, crypto.getRandomValues(new Uint8Array(8)).length);
                const d = new TextDecoder(); const bytes = new TextEncoder().encode('a€😀');
                console.log(Array.from(bytes, (b) => d.decode(new Uint8Array([b]), { stream: true })).join(''));
                const form = new FormData(); form.append('f', new Blob(['x']), 'n.txt');
                console.log((await new Response(form).text()).includes('filename="n.txt"'), await Response.json({ a: 1 }).json());
                const [a, b] = new Response('twice').body.tee();
                console.log(await new Response(a).text(), await new Response(b).text());
                const s = new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close(); } });
                const all = []; for await (const v of s) all.push(v); console.log(all);
                setTimeout(() => console.log('never'), 1e6).unref();
                """);
        assertThat(result.stderr()).isEmpty();
        assertThat(result.stdout()).isEqualTo("""
                        https://example.org/c/d?x=1&y=a%20b#h https://example.org a b
                        https://example.org:8080/p%20q?x=1&y=a+b&z=%26#h false [::1]:3
                        http://h/p?q http://other/x http://h/abs
                        a=%C3%A4+%2B&b=1 2
                        content-type,a | x,1, 2 true
                        true 36 8
                        a€😀
                        true { a: 1 }
                        twice twice
                        [ 1, 2 ]
                        """);
    }

    @Test
    void bombsOfJavaScriptAreContained() throws Exception {
        assertThat(js("function f() { f() } try { f() } catch (e) { console.log(String(e)) }")
                        .stdout())
                .isEqualTo("RangeError: Maximum call stack size exceeded\n");
        Result memory = js("const all = []; for (;;) all.push(new Uint8Array(1 << 20))");
        assertThat(memory.status()).isNotZero();
        assertThat(memory.stderr()).contains("it wanted more memory than its limit");
        Machine machine = machine("js", RESOURCES);
        try (GuestProcess loop = start(machine, "js", "-e", "console.log('on'); for (;;);")) {
            assertThat(firstOutput(loop)).isEqualTo("on\n");
            loop.signal(9, false);
            assertThat(drain(loop).status()).isEqualTo(137);
        }
        assertThat(js("try { console.log('x'.repeat(17 << 20)) } catch (e) { console.log(e.code) }")
                        .stdout())
                .isEqualTo("E2BIG\n");
        assertThat(js("throw new Error('x'.repeat(17 << 20))").stderr()).startsWith("Uncaught Error: xxx");
        Machine tiny = machine("js", new Resources(1000, 256 << 10, 4L << 20, 4));
        assertThat(run(tiny, "js", "-e", "1").stderr()).contains("bytes of memory");
    }

    @Test
    void agentsOfOneSnapshotShareNoState() throws Exception {
        Machine machine = machine("js", RESOURCES);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Result> one =
                    threads.submit(() -> run(machine, "js", "-e", "globalThis.x = 1; console.log(Math.random())"));
            Future<Result> two = threads.submit(() -> run(machine, "js", "-e", "console.log(typeof x, Math.random())"));
            assertThat(two.get().stdout()).startsWith("undefined ");
            assertThat(two.get().stdout().strip())
                    .isNotEqualTo("undefined " + one.get().stdout().strip());
        }
    }

    private Result js(String code) throws InterruptedException {
        return run(machine("js", RESOURCES), "js", "-e", code);
    }
}
