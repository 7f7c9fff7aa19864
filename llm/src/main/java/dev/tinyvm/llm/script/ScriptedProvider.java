package dev.tinyvm.llm.script;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.http.HttpConnection;
import dev.tinyvm.llm.http.LlmRequest;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.ErrorShape;
import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/**
 * A provider on the loopback that speaks all three dialects and follows a script: one turn for each call (or for each turn of a conversation), the last again and again.
 * Give it to a gateway as a provider of any type.
 */
public final class ScriptedProvider implements AutoCloseable {
    private static final int BACKLOG = 1024;
    private static final int HUGE_FIELDS = 160;

    private final List<Turn> script;
    private final Duration thinking;
    private final Duration betweenParts;
    private final boolean byConversation;
    private final boolean remembers;
    private final ServerSocket server;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final AtomicInteger calls = new AtomicInteger();
    private final AtomicInteger clientsGone = new AtomicInteger();
    private final List<Seen> seen = new CopyOnWriteArrayList<>();
    private final CountDownLatch closed = new CountDownLatch(1);

    /**
     * A request that came.
     *
     * @param target path and query
     * @param body as text
     */
    public record Seen(String target, Headers headers, String body) {}

    /**
     * Listens on a free port of 127.0.0.1.
     *
     * @param thinking before each answer
     * @param betweenParts of a streamed answer
     */
    public ScriptedProvider(List<Turn> script, Duration thinking, Duration betweenParts) throws IOException {
        this(script, thinking, betweenParts, false, true);
    }

    private ScriptedProvider(
            List<Turn> script, Duration thinking, Duration betweenParts, boolean byConversation, boolean remembers)
            throws IOException {
        this.byConversation = byConversation;
        this.remembers = remembers;
        this.script = List.copyOf(script);
        this.thinking = thinking;
        this.betweenParts = betweenParts;
        server = new ServerSocket();
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), BACKLOG);
        Thread.ofVirtual().name("tinyvm-llm-script").start(this::accept);
    }

    /** That answers at once. */
    public static ScriptedProvider of(Turn... script) throws IOException {
        return new ScriptedProvider(List.of(script), Duration.ZERO, Duration.ZERO);
    }

    /** That chooses the turn by the conversation, and keeps nothing of what it is asked. */
    static ScriptedProvider following(Script script) throws IOException {
        return new ScriptedProvider(script.turns(), script.thinking(), script.betweenParts(), true, false);
    }

    /** Such as {@code http://127.0.0.1:40123}. */
    public String url() {
        return "http://127.0.0.1:" + server.getLocalPort();
    }

    /** The requests that came, in order. */
    public List<Seen> seen() {
        return List.copyOf(seen);
    }

    /** How many clients left before their answer had ended. */
    public int clientsGone() {
        return clientsGone.get();
    }

    @Override
    public void close() throws IOException {
        closed.countDown();
        server.close();
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                sockets.add(socket);
                Thread.ofVirtual().name("tinyvm-llm-script-call").start(() -> serve(socket));
            } catch (IOException e) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            new HttpConnection(socket.getInputStream(), socket.getOutputStream())
                    .serve((request, answer) -> handle(request, answer, socket));
        } catch (IOException e) {
            // The client left, or a turn says so.
        } finally {
            sockets.remove(socket);
        }
    }

    private void handle(LlmRequest request, Answer answer, Socket socket) throws IOException {
        byte[] bytes = request.body().readAllBytes();
        if (remembers) {
            seen.add(new Seen(request.target(), request.headers(), new String(bytes, StandardCharsets.UTF_8)));
        }
        Endpoint endpoint;
        try {
            endpoint = Endpoint.of(request);
        } catch (LlmException e) {
            ErrorShape.answer(answer, Endpoint.dialect(request), e);
            return;
        }
        CountDownLatch gone = new CountDownLatch(1);
        answer.whenGone(() -> {
            clientsGone.incrementAndGet();
            gone.countDown();
        });
        if (endpoint.operation() == Endpoint.Operation.COUNT_TOKENS) {
            plain(answer, 200, "{\"input_tokens\":10,\"totalTokens\":10}".getBytes(StandardCharsets.UTF_8));
            return;
        }
        if (endpoint.operation() == Endpoint.Operation.MODELS) {
            plain(answer, 200, Fixed.models(endpoint.dialect()));
            return;
        }
        if (endpoint.operation() == Endpoint.Operation.EMBEDDINGS) {
            plain(answer, 200, Fixed.answer(endpoint, bytes));
            return;
        }
        pause(thinking, gone);
        JsonNode parsed = Json.parse(bytes);
        JsonNode body = parsed == null ? MissingNode.getInstance() : parsed;
        int number = byConversation ? answersIn(body) : calls.getAndIncrement();
        Turn turn = script.get(Math.min(number, script.size() - 1));
        switch (turn) {
            case Turn.Refusal refusal -> refuse(endpoint.dialect(), refusal, answer);
            case Turn.Failure(Turn.Fault fault) -> failNow(fault, answer, socket, gone);
            case Turn.Text text -> say(text, endpoint, body, answer, gone);
            case Turn.ToolCall call -> say(call, endpoint, body, answer, gone);
        }
    }

    /** How often the model has spoken in this conversation: messages of Chat Completions and Anthropic, contents of Gemini, items of Responses. */
    private static int answersIn(JsonNode body) {
        int answers = 0;
        for (String list : List.of("messages", "contents", "input")) {
            boolean before = false;
            for (JsonNode message : body.path(list)) {
                String role = Json.string(message, "role");
                String type = Json.string(message, "type");
                boolean model = role.equals("assistant")
                        || role.equals("model")
                        || type.equals("function_call")
                        || type.equals("reasoning")
                        || type.equals("item_reference");
                // One answer may be several items.
                if (model && !before) {
                    answers++;
                }
                before = model;
            }
        }
        return answers;
    }

    private void say(Turn turn, Endpoint endpoint, JsonNode body, Answer answer, CountDownLatch gone)
            throws IOException {
        boolean gemini = endpoint.dialect() == Dialect.GEMINI;
        Speech speech = new Speech(turn, gemini ? endpoint.model() : Json.string(body, "model"));
        boolean responses = endpoint.operation() == Endpoint.Operation.RESPONSES;
        boolean streams = gemini
                ? endpoint.verb().startsWith("stream")
                : body.path("stream").asBoolean(false);
        if (!streams) {
            plain(answer, 200, speech.plain(endpoint.dialect(), responses));
            return;
        }
        boolean usage = body.path("stream_options").path("include_usage").asBoolean(false);
        answer.begin(200, Headers.of("Content-Type", "text/event-stream", "X-Script", "kept"));
        for (byte[] event : speech.stream(endpoint.dialect(), responses, usage)) {
            answer.write(event, 0, event.length);
            pause(betweenParts, gone);
        }
        answer.end();
    }

    private static void plain(Answer answer, int status, byte[] body) throws IOException {
        answer.begin(
                status,
                Headers.of(
                        "Content-Type",
                        "application/json",
                        "Content-Length",
                        Integer.toString(body.length),
                        "X-Script",
                        "kept"));
        answer.write(body, 0, body.length);
        answer.end();
    }

    private static void refuse(Dialect dialect, Turn.Refusal refusal, Answer answer) throws IOException {
        byte[] body = ("{\"error\":{\"message\":\"scripted " + refusal.status() + " for " + dialect + "\"}}")
                .getBytes(StandardCharsets.UTF_8);
        Headers headers =
                Headers.of("Content-Type", "application/json", "Content-Length", Integer.toString(body.length));
        answer.begin(
                refusal.status(),
                refusal.retryAfter().isEmpty() ? headers : headers.with("Retry-After", refusal.retryAfter()));
        answer.write(body, 0, body.length);
        answer.end();
    }

    private void failNow(Turn.Fault fault, Answer answer, Socket socket, CountDownLatch gone) throws IOException {
        byte[] beginning = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n"
                .getBytes(StandardCharsets.UTF_8);
        switch (fault) {
            case HANG -> pause(Duration.ofDays(1), gone);
            case STALL -> {
                answer.begin(200, Headers.of("Content-Type", "text/event-stream"));
                answer.write(beginning, 0, beginning.length);
                pause(Duration.ofDays(1), gone);
            }
            case CLOSE -> socket.close();
            case RESET -> {
                answer.begin(200, Headers.of("Content-Type", "text/event-stream"));
                answer.write(beginning, 0, beginning.length);
                socket.close();
            }
            case GARBAGE -> {
                socket.getOutputStream().write("%&!garbage\r\n\r\n\u0000".getBytes(StandardCharsets.UTF_8));
                socket.close();
            }
            case HUGE_HEADERS -> {
                socket.getOutputStream().write("HTTP/1.1 200 OK\r\n".getBytes(StandardCharsets.UTF_8));
                byte[] field = ("X-Huge: " + "h".repeat(1 << 16) + "\r\n").getBytes(StandardCharsets.UTF_8);
                for (int i = 0; i < HUGE_FIELDS; i++) {
                    socket.getOutputStream().write(field);
                }
                socket.close();
            }
        }
    }

    /** Until the time is over, the client has gone or the provider is closed. */
    private void pause(Duration time, CountDownLatch gone) throws IOException {
        long end = System.nanoTime() + time.toNanos();
        try {
            while (System.nanoTime() < end) {
                long left = Math.min(end - System.nanoTime(), 50_000_000L);
                if (gone.await(Math.max(1, left), java.util.concurrent.TimeUnit.NANOSECONDS)
                        || closed.getCount() == 0) {
                    throw new IOException("the client has gone");
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
