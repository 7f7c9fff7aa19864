package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.spec.Resources;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** CPython on WASI: what a script meets. */
class PythonTest extends PythonFixture {
    @Test
    void aCommandHasItsArgumentsEnvironmentDirectoryAndExitCode() throws Exception {
        Machine machine = python();
        Result result = with(
                machine,
                Map.of("GREETING", "bon\u00a0jour"),
                "import os, sys; print(sys.argv, os.environ['GREETING'], os.getcwd(), os.environ.get('HOME')); sys.exit(7)");
        assertThat(result.stdout()).isEqualTo("['-c'] bon\u00a0jour /home/user /home/user\n");
        assertThat(result.status()).isEqualTo(7);
        Result second = in(machine, "import sys; sys.exit('words')", "one", "two");
        assertThat(second.stderr()).isEqualTo("words\n");
        assertThat(second.status()).isEqualTo(1);
    }

    @Test
    void aScriptAndItsModuleRunFromFiles() throws Exception {
        Machine machine = python();
        write(machine, "/home/user/part.py", "def double(x):\n    return 2 * x\n");
        write(
                machine,
                "/home/user/main.py",
                "import sys, part\nif __name__ == '__main__':\n    print(part.double(21), sys.argv, __file__)\n");
        assertThat(run(machine, "python", "main.py", "a b").stdout()).isEqualTo("42 ['main.py', 'a b'] main.py\n");
        assertThat(run(machine, "python3", "-m", "part").status()).isZero();
        assertThat(run(machine, "python", "none.py"))
                .matches(r -> r.status() == 2 && r.stderr().contains("can't open file '/home/user/none.py'"));
    }

    @Test
    void anImageIsAScriptWithTheModulesBesideIt() throws Exception {
        Path host = Files.createDirectories(cache.resolve("script"));
        Files.writeString(host.resolve("agent.py"), """
                import json, sys
                from pack import one, two as zwei
                import other
                print(one.x + zwei.x + other.x, sys.argv[1:])
                """);
        Files.createDirectories(host.resolve("pack"));
        Files.writeString(host.resolve("pack/__init__.py"), "");
        Files.writeString(host.resolve("pack/one.py"), "from .two import x as y\nx = y + 1\n");
        Files.writeString(host.resolve("pack/two.py"), "x = 1\n");
        Files.writeString(host.resolve("other.py"), "x = 39\n");
        Files.writeString(host.resolve("unused.py"), "x = 0\n");
        assertThat(ScriptFiles.of(host.resolve("agent.py")).files().keySet())
                .containsExactlyInAnyOrder("agent.py", "pack/__init__.py", "pack/one.py", "pack/two.py", "other.py");
        Machine machine = machine(host.resolve("agent.py").toString(), ROOM);
        assertThat(run(machine, "agent.py", "a").stdout()).isEqualTo("42 ['a']\n");
        assertThat(in(machine, "print(1)").stdout()).isEqualTo("1\n");
        assertThat(ScriptFiles.of(host.resolve("agent.py")).forLinux())
                .extracting(ScriptFiles.Placed::path)
                .contains("/app/tinyvm.py", "/app/pack/two.py", "/usr/local/bin/agent.py");
    }

    @Test
    void inputIsReadAndACommandWithoutScriptRunsIt() throws Exception {
        Machine machine = python();
        try (GuestProcess process = machine.exec(
                request(Map.of(), true, "python", "-c", "import sys; print(sum(int(line) for line in sys.stdin))"))) {
            give(process, "1\n2\n39\n");
            process.closeStdin();
            assertThat(drain(process).stdout()).isEqualTo("42\n");
        }
        try (GuestProcess process = machine.exec(request(Map.of(), true, "python"))) {
            give(process, "print('from input')");
            process.closeStdin();
            assertThat(drain(process).stdout()).isEqualTo("from input\n");
        }
    }

    @Test
    void aTracebackNamesTheScriptsOwnLinesAndNothingElse() throws Exception {
        Machine machine = python();
        write(machine, "/home/user/bad.py", "def f():\n    raise ValueError('no')\n\nf()\n");
        Result result = run(machine, "python", "bad.py");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.stderr()).isEqualTo("""
                        Traceback (most recent call last):
                          File "bad.py", line 4, in <module>
                            f()
                          File "bad.py", line 2, in f
                            raise ValueError('no')
                        ValueError: no
                        """);
        assertThat(code("def").stderr()).contains("SyntaxError");
    }

    @Test
    void theLibraryIsThere() throws Exception {
        Result result = code("""
                import json, re, sqlite3, hashlib, datetime, decimal, zlib, random, asyncio, dataclasses
                db = sqlite3.connect('/tmp/a.db')
                db.execute('create table t (x)')
                db.executemany('insert into t values (?)', [(i,) for i in range(10)])
                db.commit()
                print(sqlite3.connect('/tmp/a.db').execute('select sum(x) from t').fetchone()[0])
                print(json.loads('{"a": [1, 2.5, null]}'), re.sub(r'(\\w+)@', r'<\\1>@', 'me@home'))
                print(hashlib.sha256(b'x').hexdigest()[:8], zlib.decompress(zlib.compress(b'y' * 1000))[:3])
                """);
        assertThat(result.stderr()).isEmpty();
        assertThat(result.stdout()).isEqualTo("""
                        45
                        {'a': [1, 2.5, None]} <me>@home
                        2d711642 b'yyy'
                        """);
    }

    @Test
    void commandsOfOneSnapshotShareNoStateAndDrawDifferentNumbers() throws Exception {
        Machine machine = python();
        String draw = "import random, os, uuid; print(random.random(), os.urandom(4).hex(), uuid.uuid4())";
        assertThat(in(machine, draw).stdout()).isNotEqualTo(in(machine, draw).stdout());
        in(machine, "import json; json.leak = 1; import sys; sys.modules['leaked'] = json");
        assertThat(in(machine, "import json, sys; print(hasattr(json, 'leak'), 'leaked' in sys.modules)")
                        .stdout())
                .isEqualTo("False False\n");
    }

    @Test
    void exitHandlersRunAndWhatWasPrintedIsFlushed() throws Exception {
        Result result = code("import atexit, sys; atexit.register(print, 'bye'); sys.stdout.write('no newline ')");
        assertThat(result.stdout()).isEqualTo("no newline bye\n");
        assertThat(result.status()).isZero();
    }

    @Test
    void threadsProcessesAndSocketsAreRefusedInWords() throws Exception {
        String attempt = """
                import sys
                for body in sys.argv[1:]:
                    try:
                        exec(body)
                    except Exception as error:
                        print(type(error).__name__, error)
                """;
        Result result = code(
                attempt,
                "import threading; threading.Thread(target=print).start()",
                "import subprocess; subprocess.run(['ls'])",
                "import socket; socket.create_connection(('127.0.0.1', 80))",
                "import socket; socket.socket()",
                "import os; os.system('ls')",
                "import os; os.fork()");
        assertThat(result.stdout().lines())
                .satisfiesExactly(
                        l -> assertThat(l).contains("RuntimeError", "no threads", "engine: container"),
                        l -> assertThat(l).contains("OSError", "no other processes"),
                        l -> assertThat(l).contains("OSError", "no sockets", "tinyvm.fetch"),
                        l -> assertThat(l).contains("OSError", "no sockets"),
                        l -> assertThat(l).contains("OSError", "no other processes"),
                        l -> assertThat(l).contains("fork"));
        assertThat(run(python(), "python", "-O", "x.py"))
                .matches(r -> r.status() == 2 && r.stderr().contains("-O"));
    }

    @Test
    void theFilesAreTheTinyVmsAndBoundByItsQuota() throws Exception {
        Machine machine = python();
        Result result = in(machine, """
                import os
                print(sorted(os.listdir('/')))
                try:
                    with open('/tmp/big', 'wb') as file:
                        for i in range(100): file.write(b'x' * 65536)
                except OSError as error:
                    print(error.strerror)
                os.remove('/tmp/big')
                for path in ('/etc/passwd', '/proc/self/environ', '../../../etc/passwd', '/app/../../etc/shadow'):
                    try:
                        open(path).close(); print('opened', path)
                    except OSError as error:
                        print(error.errno)
                """);
        assertThat(result.stdout()).startsWith("['app', 'etc', 'home', 'root', 'tmp']\nNo space left on device\n");
        assertThat(result.stdout()).doesNotContain("opened");
        write(machine, "/home/user/in.txt", "given");
        assertThat(in(machine, "print(open('in.txt').read()); open('out.txt', 'w').write('made')")
                        .stdout())
                .isEqualTo("given\n");
        try (var stream = machine.files().read("", "/home/user/out.txt", 0, 100).stream()) {
            assertThat(new String(stream.readAllBytes(), StandardCharsets.UTF_8))
                    .isEqualTo("made");
        }
    }

    @Test
    void memoryIsBoundAndAnErrorInPythonFirst() throws Exception {
        Machine machine = machine("python-wasi", new Resources(16_000, 32L << 20, 4L << 20, 64));
        Result result = in(machine, """
                try:
                    x = bytearray(64 << 20)
                except MemoryError:
                    print('refused')
                """);
        assertThat(result.stdout()).isEqualTo("refused\n");
        assertThat(run(machine("python-wasi", new Resources(1000, 8L << 20, 4L << 20, 64)), "python", "-c", "1")
                        .stderr())
                .contains("the module starts with");
    }

    @Test
    void deepRecursionIsAnErrorInPython() throws Exception {
        Result result = code("""
                def f(n): return f(n + 1)
                try:
                    f(0)
                except RecursionError as error:
                    print('recursion')
                class A:
                    def __repr__(self): return repr([self])
                try:
                    repr(A())
                except RecursionError:
                    print('in C')
                print(sorted([3, 1, 2]))
                """);
        assertThat(result.stdout()).isEqualTo("recursion\nin C\n[1, 2, 3]\n");
    }

    @Test
    void aRunawayLoopIsThrottledFrozenAndKilled() throws Exception {
        Machine machine = machine("python-wasi", new Resources(200, 64L << 20, 4L << 20, 64));
        GuestProcess process = start(machine, "python", "-c", "print('go', flush=True)\nwhile True: pass");
        assertThat(firstOutput(process)).isEqualTo("go\n");
        machine.freeze();
        long frozen = machine.stats().cpuMicros();
        assertThat(machine.stats().cpuMicros()).isEqualTo(frozen);
        machine.thaw();
        await("the loop to go on", () -> machine.stats().cpuMicros() > frozen + 20_000);
        await("the share to bind", () -> machine.stats().throttledMicros() > 0);
        process.signal(9, false);
        assertThat(drain(process).status()).isEqualTo(137);
    }

    private static void give(GuestProcess process, String text) throws InterruptedException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        process.writeStdin(bytes, 0, bytes.length);
    }

    @Test
    void withoutItsModuleTheImageIsRefusedWithTheRemedy() throws Exception {
        engine.close();
        engine = new WasmEngine(
                new WasmSettings(work, Files.createTempDirectory(cache, "empty"), HEAP_BYTES, Optional.empty()));
        assertThatThrownBy(this::python)
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(EngineException.Code.UNAVAILABLE))
                .hasMessageContaining("./tinyvm build");
        assertThat(engine.availability().toString()).contains("without the image python-wasi");
    }
}
