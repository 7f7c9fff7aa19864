package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** HTTP and the LLM by the files that the host serves, as Python's module {@code tinyvm} and urllib use them. */
class PythonWebTest extends PythonFixture {
    private static final int PORT = 4000;
    private static final String OK = "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello";

    private final BlockingQueue<String> seen = new LinkedBlockingQueue<>();

    @Test
    void fetchAndUrllibReachThePortThatTheHostOffers() throws Exception {
        Machine machine = python();
        machine.listen(PORT, c -> answer(c, OK));
        Result result = in(machine, """
                import tinyvm, urllib.request
                with tinyvm.fetch('http://127.0.0.1:4000/a?q=1', 'POST', {'X-Mine': 'yes'}, {'a': 'ü'}) as r:
                    print(r.status, r.reason, r.header('x-a'), r.text())
                with urllib.request.urlopen(urllib.request.Request('http://localhost:4000/b', data=b'\\x00\\xff')) as r:
                    print(r.status, r.headers['x-a'], r.read())
                """);
        assertThat(result.stderr()).isEmpty();
        assertThat(result.stdout()).isEqualTo("200 Fine 1 hello\n200 1 b'hello'\n");
        assertThat(seen.poll(10, TimeUnit.SECONDS))
                .startsWith("POST /a?q=1 HTTP/1.1\r\n")
                .contains("X-Mine: yes\r\n", "Content-Type: application/json\r\n")
                .endsWith("{\"a\": \"\\u00fc\"}");
        assertThat(seen.poll(10, TimeUnit.SECONDS))
                .startsWith("POST /b HTTP/1.1\r\n")
                .endsWith("\0\u00ff");
        await("its memory", () -> machine.stats().memoryBytes() == 0);
    }

    @Test
    void aBodyIsReadAsItArrivesAndAnErrorStatusIsUrllibsError() throws Exception {
        Machine machine = python();
        CountDownLatch first = new CountDownLatch(1);
        machine.listen(PORT, c -> {
            try (c) {
                request(c);
                c.output().write(bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"));
                assertThat(first.await(60, TimeUnit.SECONDS)).isTrue();
                c.output().write(bytes("4\r\ntwo\n\r\n0\r\n\r\n"));
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        machine.listen(PORT + 1, c -> answer(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"));
        try (GuestProcess process = start(machine, "python", "-c", """
                import tinyvm, urllib.request, urllib.error
                for line in tinyvm.fetch('http://127.0.0.1:4000/'):
                    print(line.decode().strip(), flush=True)
                try:
                    urllib.request.urlopen('http://127.0.0.1:4001/')
                except urllib.error.HTTPError as error:
                    print(error.code, error.read())
                """)) {
            assertThat(firstOutput(process)).isEqualTo("one\n");
            first.countDown();
            assertThat(drain(process).stdout()).isEqualTo("two\n404 b'no'\n");
        }
    }

    @Test
    void whatCannotBeReachedSaysWhy() throws Exception {
        Result result = code("""
                import tinyvm, urllib.request
                for url in ('https://example.org/', 'http://127.0.0.1:1/', 'ftp://x/', 'http://user:secret@x/'):
                    try:
                        tinyvm.fetch(url)
                    except tinyvm.Error as error:
                        print(error.code)
                try:
                    urllib.request.urlopen('https://example.org/')
                except urllib.error.URLError as error:
                    print(error)
                try:
                    tinyvm.llm('hello', model='m')
                except tinyvm.Error as error:
                    print(error.code)
                """);
        assertThat(result.stdout().lines())
                .satisfiesExactly(
                        l -> assertThat(l).isEqualTo("ENETUNREACH"),
                        l -> assertThat(l).isEqualTo("ECONNREFUSED"),
                        l -> assertThat(l).isEqualTo("EINVAL"),
                        l -> assertThat(l).isEqualTo("EINVAL"),
                        l -> assertThat(l).contains("ENETUNREACH"),
                        l -> assertThat(l).isEqualTo("ENOSYS"));
    }

    @Test
    void anLlmIsAskedThroughTheGatewayPlainAndStreaming() throws Exception {
        Machine machine = python();
        String plain = "{\"choices\":[{\"message\":{\"content\":\"forty-two\"}}]}";
        machine.listen(
                PORT, c -> answer(c, "HTTP/1.1 200 OK\r\nContent-Length: " + plain.length() + "\r\n\r\n" + plain));
        machine.listen(PORT + 1, c -> answer(c, """
                        HTTP/1.1 200 OK\r
                        Content-Type: text/event-stream\r
                        \r
                        data: {"choices":[{"delta":{"content":"a"}}]}

                        data: {"choices":[{"delta":{"content":"b"}}]}

                        data: [DONE]

                        """));
        machine.listen(
                PORT + 2,
                c -> answer(
                        c,
                        "HTTP/1.1 402 Payment Required\r\nContent-Length: 52\r\n\r\n{\"error\":{\"message\":\"the budget is used\",\"code\":\"b\"}}"));
        String ask = "import tinyvm; print(tinyvm.llm('six times seven?', model='m'))";
        assertThat(with(machine, Map.of("OPENAI_BASE_URL", "http://127.0.0.1:4000/v1"), ask)
                        .stdout())
                .isEqualTo("forty-two\n");
        assertThat(seen.poll(10, TimeUnit.SECONDS))
                .startsWith("POST /v1/chat/completions HTTP/1.1\r\n")
                .endsWith("\"model\": \"m\"}");
        String stream = """
                import tinyvm
                print([c['choices'][0]['delta']['content'] for c in tinyvm.chat(messages=[], model='m', stream=True)])
                """;
        assertThat(with(machine, Map.of("OPENAI_BASE_URL", "http://127.0.0.1:4001"), stream)
                        .stdout())
                .isEqualTo("['a', 'b']\n");
        assertThat(with(machine, Map.of("OPENAI_BASE_URL", "http://127.0.0.1:4002"), ask)
                        .stderr())
                .contains("tinyvm.LlmError", "the budget is used");
    }

    @Test
    void aScriptThatWaitsForAnAnswerIsSeenToWaitFrozenAndKilled() throws Exception {
        Machine machine = python();
        CountDownLatch never = new CountDownLatch(1);
        machine.listen(PORT, c -> {
            try (c) {
                request(c);
                never.await(60, TimeUnit.SECONDS);
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        GuestProcess process = start(machine, "python", "-c", "import tinyvm; tinyvm.fetch('http://127.0.0.1:4000/')");
        assertThat(seen.poll(60, TimeUnit.SECONDS)).startsWith("GET / ");
        await("it to wait", () -> !machine.pulse().busy());
        machine.freeze();
        machine.thaw();
        process.signal(9, false);
        assertThat(drain(process).status()).isEqualTo(137);
        never.countDown();
        await("its memory", () -> machine.stats().memoryBytes() == 0);
    }

    @Test
    void abuseOfTheServedFilesFailsAndHarmsNobody() throws Exception {
        Machine machine = python();
        Result result = in(machine, """
                import os
                d = '/dev/tinyvm/1/'
                def tried(body):
                    try:
                        return body()
                    except OSError as error:
                        return error.strerror
                print(tried(lambda: os.open(d + 'start2', os.O_RDWR)), tried(lambda: os.open(d + '../1/http', os.O_RDWR)))
                print(tried(lambda: os.open(d + 'snapshot', os.O_WRONLY)))
                fd = os.open(d + 'http', os.O_RDWR)
                print(tried(lambda: os.lseek(fd, 0, 0)), tried(lambda: os.ftruncate(fd, 1)), os.write(fd, b'no json'))
                print(b'EINVAL' in os.read(fd, 1000), os.read(fd, 10), tried(lambda: os.write(fd, b'x')))
                fd = os.open(d + 'http', os.O_RDWR)
                part = b'x' * 32768
                done = 0
                try:
                    while True: done += os.write(fd, part)
                except OSError as error:
                    print(error.strerror, done)
                fds = []
                try:
                    while True: fds.append(os.open(d + 'http', os.O_RDWR))
                except OSError as error:
                    print(error.strerror, len(fds) > 200)
                """);
        assertThat(result.stderr()).isEmpty();
        assertThat(result.stdout().lines())
                .satisfiesExactly(
                        l -> assertThat(l).isEqualTo("No such file or directory No such file or directory"),
                        l -> assertThat(l).isEqualTo("No such file or directory"),
                        l -> assertThat(l).isEqualTo("Invalid seek Invalid argument 7"),
                        l -> assertThat(l).isEqualTo("True b'' Invalid argument"),
                        l -> assertThat(l).isEqualTo("File too large 4194304"),
                        l -> assertThat(l).isEqualTo("No file descriptors available True"));
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

    /** Head and body, as they came. */
    private void request(GuestConnection connection) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        String text = "";
        while (!text.contains("\r\n\r\n")) {
            all.write(connection.input().read());
            text = all.toString(StandardCharsets.ISO_8859_1);
        }
        java.util.regex.Matcher length =
                java.util.regex.Pattern.compile("(?i)content-length: (\\d+)").matcher(text);
        if (length.find()) {
            all.writeBytes(connection.input().readNBytes(Integer.parseInt(length.group(1))));
        }
        seen.add(all.toString(StandardCharsets.ISO_8859_1));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
