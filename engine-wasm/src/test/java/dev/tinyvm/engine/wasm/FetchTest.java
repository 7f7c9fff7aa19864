package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** {@code fetch} and the LLM over ports of the machine's own loopback. */
class FetchTest extends WasmFixture {
    private static final int PORT = 4000;
    private static final String SSE = """
            HTTP/1.1 200 OK
            Content-Type: text/event-stream

            data: {"choices":[{"delta":{"content":"four"}}]}

            data: {"choices":[{"delta":{"content":"ty"}}]}

            data: [DONE]

            """.replace("\n", "\r\n");

    private final BlockingQueue<Seen> seen = new LinkedBlockingQueue<>();

    @Test
    void aRequestReachesThePortThatTheHostOffers() throws Exception {
        Machine machine = machine("js", RESOURCES);
        machine.listen(PORT, c -> answer(c, "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello"));
        Result result = run(machine, "js", "-e", """
                const r = await fetch('http://127.0.0.1:4000/a/./b?q=ä', { method: 'post', headers: { 'X-Mine': 'yes' }, body: JSON.stringify({ a: 'ü' }) });
                console.log(r.ok, r.status, r.statusText, r.headers.get('x-a'), await r.text(), r.bodyUsed);
                """);
        assertThat(result.stderr()).isEmpty();
        assertThat(result.stdout()).isEqualTo("true 200 Fine 1, 2 hello true\n");
        Seen request = seen.poll(10, TimeUnit.SECONDS);
        assertThat(request.line()).isEqualTo("POST /a/b?q=%C3%A4 HTTP/1.1");
        assertThat(request.headers())
                .contains("x-mine: yes", "host: 127.0.0.1:4000", "content-length: 10", "connection: close");
        assertThat(request.body()).isEqualTo("{\"a\":\"ü\"}");
    }

    @Test
    void aBodyIsStreamedPartByPart() throws Exception {
        Machine machine = machine("js", RESOURCES);
        CountDownLatch first = new CountDownLatch(1);
        machine.listen(PORT, c -> {
            try (c) {
                request(c);
                OutputStream out = c.output();
                out.write(bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"));
                // The second part comes only after the guest has said that it read the first one.
                assertThat(first.await(60, TimeUnit.SECONDS)).isTrue();
                out.write(bytes("7\r\n second\r\n0\r\n\r\n"));
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        try (GuestProcess process = start(machine, "js", "-e", """
                const r = await fetch('http://localhost:4000/');
                const d = new TextDecoder();
                for await (const part of r.body) console.log(d.decode(part, { stream: true }));
                """)) {
            assertThat(firstOutput(process)).isEqualTo("first\n");
            first.countDown();
            assertThat(drain(process).stdout()).isEqualTo(" second\n");
        }
    }

    @Test
    void exchangesRunAtTheSameTimeAndTimersGoOn() throws Exception {
        Machine machine = machine("js", RESOURCES);
        CountDownLatch all = new CountDownLatch(5);
        machine.listen(PORT, c -> {
            all.countDown();
            try {
                assertThat(all.await(60, TimeUnit.SECONDS)).isTrue();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            answer(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
        });
        assertThat(run(machine, "js", "-e", """
                let ticks = 0;
                const t = setInterval(() => ticks++, 1);
                await new Promise((r) => setTimeout(r, 20));
                const texts = await Promise.all([1, 2, 3, 4, 5].map(async (n) => (await fetch('http://127.0.0.1:4000/' + n)).text()));
                clearInterval(t);
                console.log(texts.join(''), ticks > 1);
                """).stdout()).isEqualTo("xxxxx true\n");
    }

    @Test
    void redirectionsAreFollowedWithoutTheSecrets() throws Exception {
        Machine machine = machine("js", RESOURCES);
        machine.listen(
                PORT,
                c -> answer(
                        c, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:4001/next\r\nContent-Length: 0\r\n\r\n"));
        machine.listen(PORT + 1, c -> answer(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend"));
        assertThat(run(machine, "js", "-e", """
                const r = await fetch('http://127.0.0.1:4000/', { method: 'POST', body: 'x', headers: { authorization: 'secret' } });
                console.log(r.url, r.redirected, await r.text());
                """).stdout()).isEqualTo("http://127.0.0.1:4001/next true end\n");
        assertThat(seen.poll(10, TimeUnit.SECONDS).headers()).contains("authorization: secret");
        Seen second = seen.poll(10, TimeUnit.SECONDS);
        assertThat(second.line()).isEqualTo("GET /next HTTP/1.1");
        assertThat(second.headers()).noneMatch(h -> h.startsWith("authorization"));
    }

    @Test
    void anAbortedExchangeEndsOnBothSides() throws Exception {
        Machine machine = machine("js", RESOURCES);
        CountDownLatch gone = new CountDownLatch(1);
        machine.listen(PORT, c -> {
            try (c) {
                request(c);
                while (c.input().read() >= 0) {
                    // Waits for the guest to go.
                }
                gone.countDown();
            } catch (IOException e) {
                gone.countDown();
            }
        });
        assertThat(run(machine, "js", "-e", """
                const after = async (signal) => { try { await fetch('http://127.0.0.1:4000/', { signal }); } catch (e) { console.log(e.name); } };
                await after(AbortSignal.timeout(20));
                const c = new AbortController();
                setTimeout(() => c.abort(), 20);
                await after(c.signal);
                await after(AbortSignal.abort());
                """).stdout()).isEqualTo("TimeoutError\nAbortError\nAbortError\n");
        assertThat(gone.await(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void whatCannotBeReachedSaysWhy() throws Exception {
        Machine machine = machine("js", RESOURCES);
        machine.listen(PORT, c -> answer(c, "SSH-2.0-nonsense\r\n\r\n"));
        machine.listen(PORT + 1, c -> answer(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"));
        Result result = run(machine, "js", "-e", """
                const say = async (url, options) => { try { console.log(await (await fetch(url, options)).text()); } catch (e) { console.log(e.code ?? e.name, e.message); } };
                await say('http://127.0.0.1:9/');
                await say('https://example.org/');
                await say('http://127.0.0.1:4000/');
                await say('http://127.0.0.1:4001/');
                await say('file:///etc/passwd');
                await say('http://127.0.0.1:4000/', { method: 'CONNECT' });
                await say('http://127.0.0.1:4000/', { headers: { 'a b': 'c' } });
                await say('http://127.0.0.1:4000/', { headers: { a: 'b\\r\\nHost: evil' } });
                await say('no url');
                """);
        assertThat(result.stderr()).isEmpty();
        assertThat(result.stdout().lines())
                .satisfiesExactly(
                        l -> assertThat(l).startsWith("ECONNREFUSED").contains("nothing listens on port 9"),
                        l -> assertThat(l)
                                .startsWith("ENETUNREACH")
                                .contains("no network")
                                .contains("network.egress"),
                        l -> assertThat(l).startsWith("EPROTO"),
                        l -> assertThat(l).startsWith("ECONNRESET"),
                        l -> assertThat(l).startsWith("EINVAL").contains("no http: or https: URL"),
                        l -> assertThat(l).startsWith("EINVAL").contains("CONNECT"),
                        l -> assertThat(l).startsWith("TypeError"),
                        l -> assertThat(l).startsWith("TypeError"),
                        l -> assertThat(l).startsWith("ERR_INVALID_URL"));
    }

    @Test
    void openExchangesAreLimited() throws Exception {
        Machine machine = machine("js", RESOURCES);
        machine.listen(PORT, c -> answer(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"));
        assertThat(run(machine, "js", "-e", """
                const open = [];
                try { for (;;) open.push(await fetch('http://127.0.0.1:4000/')); } catch (e) { console.log(open.length, e.code); }
                await open.pop().text();
                console.log((await fetch('http://127.0.0.1:4000/')).status);
                """).stdout()).isEqualTo("32 EMFILE\n200\n");
    }

    @Test
    void aProcessThatWaitsForAnAnswerIsFrozenThawedAndKilled() throws Exception {
        Machine machine = machine("js", RESOURCES);
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch gone = new CountDownLatch(1);
        machine.listen(PORT, c -> {
            try {
                Seen request = request(c);
                if (request.line().contains("/slow")) {
                    assertThat(go.await(60, TimeUnit.SECONDS)).isTrue();
                    c.output().write(bytes("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"));
                    c.close();
                } else {
                    try (c) {
                        while (c.input().read() >= 0) {
                            // Until the guest is gone.
                        }
                    } finally {
                        gone.countDown();
                    }
                }
            } catch (IOException e) {
                gone.countDown();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        try (GuestProcess process =
                start(machine, "js", "-e", "console.log(await (await fetch('http://127.0.0.1:4000/slow')).text())")) {
            assertThat(seen.poll(60, TimeUnit.SECONDS)).isNotNull();
            await("it to wait", () -> !machine.pulse().busy());
            machine.freeze();
            go.countDown();
            // The answer is there, the guest is frozen: it must not run.
            assertThat(machine.stats().frozen()).isTrue();
            assertThat(machine.processes()).allMatch(p -> p.running());
            machine.thaw();
            assertThat(drain(process).stdout()).isEqualTo("done\n");
        }
        try (GuestProcess process = start(machine, "js", "-e", "await fetch('http://127.0.0.1:4000/never')")) {
            assertThat(seen.poll(60, TimeUnit.SECONDS)).isNotNull();
            process.signal(9, false);
            assertThat(drain(process).status()).isEqualTo(137);
        }
        assertThat(gone.await(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void anLlmIsAskedThroughTheGateway() throws Exception {
        Machine machine = machine("js", RESOURCES);
        machine.listen(PORT, c -> {
            String body = "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"42\"}}]}";
            answer(
                    c,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n"
                            + body);
        });
        machine.listen(PORT + 1, c -> answer(c, SSE));
        machine.listen(PORT + 2, c -> {
            String body = "{\"error\":{\"message\":\"the budget is spent\",\"code\":\"budget_exceeded\"}}";
            answer(c, "HTTP/1.1 402 Payment Required\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        });
        Map<String, String> env = Map.of("OPENAI_BASE_URL", "http://127.0.0.1:4000/v1", "OPENAI_API_KEY", "sk-x");
        try (GuestProcess process = machine.exec(request(env, false, "js", "-e", """
                import { llm } from 'tinyvm';
                console.log(await llm('what?', { model: 'm' }));
                process.env.OPENAI_BASE_URL = 'http://127.0.0.1:4001/v1/';
                let text = '';
                for await (const chunk of await llm.chat({ model: 'm', messages: [], stream: true })) text += chunk.choices[0].delta.content;
                console.log(text);
                process.env.OPENAI_BASE_URL = 'http://127.0.0.1:4002/v1/';
                await llm('x', { model: 'm' }).catch((e) => console.log(e.code, e.status, e.message));
                await llm('x').catch((e) => console.log(e.message));
                delete process.env.OPENAI_BASE_URL;
                await llm('x', { model: 'm' }).catch((e) => console.log(e.code));
                """))) {
            Result result = drain(process);
            assertThat(result.stderr()).isEmpty();
            assertThat(result.stdout()).isEqualTo("""
                            42
                            fourty
                            budget_exceeded 402 the LLM gateway answers 402: the budget is spent
                            say which model: llm(text, { model }) or the variable OPENAI_MODEL
                            ENOSYS
                            """);
        }
        Seen first = seen.poll(10, TimeUnit.SECONDS);
        assertThat(first.line()).isEqualTo("POST /v1/chat/completions HTTP/1.1");
        assertThat(first.headers()).contains("authorization: Bearer sk-x", "content-type: application/json");
        assertThat(first.body())
                .isEqualTo("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"what?\"}]}");
    }

    @Test
    void messagesAreRefusedSinceThereIsNoBus() throws Exception {
        assertThat(run(
                                machine("js", RESOURCES),
                                "js",
                                "-e",
                                "import { messages } from 'tinyvm'; await messages.send('a', 'b').catch((e) => console.log(e.code, e.message))")
                        .stdout())
                .startsWith("ENOSYS messages between agents are not available");
    }

    @Test
    void aModuleCallsAndStreamsWithoutJavaScript() throws Exception {
        Machine machine = machine();
        machine.listen(PORT, c -> answer(c, "HTTP/1.1 201 Made\r\nContent-Length: 2\r\nX: y\r\n\r\nhi"));
        machine.listen(
                PORT + 1,
                c -> answer(
                        c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
        machine.listen(PORT + 2, c -> answer(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
        assertThat(run(
                                machine,
                                "http",
                                "{\"method\":\"PUT\",\"url\":\"http://127.0.0.1:4000/p\",\"headers\":{\"A\":\"b\"},\"body\":\"ü\"}")
                        .stdout())
                .isEqualTo(
                        "0 {\"status\":201,\"reason\":\"Made\",\"headers\":[[\"Content-Length\",\"2\"],[\"X\",\"y\"]],\"body\":\"hi\"}\n");
        Seen request = seen.poll(10, TimeUnit.SECONDS);
        assertThat(request.line()).isEqualTo("PUT /p HTTP/1.1");
        assertThat(request.headers()).contains("a: b");
        assertThat(request.body()).isEqualTo("ü");
        assertThat(run(machine, "stream", "{\"url\":\"http://127.0.0.1:4001/\"}")
                        .stdout())
                .isEqualTo(
                        "0 {\"status\":200,\"reason\":\"OK\",\"headers\":[[\"Transfer-Encoding\",\"chunked\"]]}\n<one>\n<two>\n0\n");
        assertThat(run(machine, "http", "{\"url\":\"https://example.org/\"}").stdout())
                .startsWith("0 {\"error\":{\"code\":\"ENETUNREACH\"");
        assertThat(run(machine, "http", "no json").stdout()).startsWith("0 {\"error\":{\"code\":\"EINVAL\"");
        Map<String, String> env = Map.of("OPENAI_BASE_URL", "http://127.0.0.1:4002/v1");
        try (GuestProcess process = machine.exec(request(env, false, "llm", "{\"model\":\"m\"}"))) {
            assertThat(drain(process).stdout()).isEqualTo("0 {}\n");
        }
        await("its memory", () -> machine.stats().memoryBytes() == 0);
    }

    @Test
    void abuseOfTheHostsCallsHarmsNobody() throws Exception {
        Machine machine = machine();
        assertThat(run(machine, "http-abuse").stdout().lines())
                .containsExactly(
                        "request: 21",
                        "length: 28",
                        "too long: 28",
                        "answer: 21",
                        "answer length: 21",
                        "nothing kept: 28",
                        "head: 21",
                        "handle: 8",
                        "negative: 8",
                        "close: 0",
                        "send: 52",
                        "receive: 52");
        assertThat(run(machine, "echo", "fine").stdout()).isEqualTo("fine\n");
        await("its memory", () -> machine.stats().memoryBytes() == 0);
    }

    private void answer(GuestConnection connection, String text) {
        try (connection) {
            request(connection);
            connection.output().write(bytes(text));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Seen request(GuestConnection connection) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(connection.input(), StandardCharsets.ISO_8859_1));
        String line = in.readLine();
        List<String> headers = new ArrayList<>();
        int length = 0;
        for (String header = in.readLine(); header != null && !header.isEmpty(); header = in.readLine()) {
            int colon = header.indexOf(':');
            headers.add(header.substring(0, colon).toLowerCase(Locale.ROOT) + header.substring(colon));
            if (header.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
                length = Integer.parseInt(header.substring(colon + 1).strip());
            }
        }
        char[] body = new char[length];
        int done = 0;
        while (done < length) {
            done += in.read(body, done, length - done);
        }
        Seen request = new Seen(
                line,
                headers,
                new String(new String(body).getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
        seen.add(request);
        return request;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private record Seen(String line, List<String> headers, String body) {}
}
