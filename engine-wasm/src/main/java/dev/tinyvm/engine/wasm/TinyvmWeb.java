package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.wasm.web.WebException;
import dev.tinyvm.engine.wasm.web.WebExchange;
import dev.tinyvm.engine.wasm.web.WebRequest;
import dev.tinyvm.engine.wasm.web.WebRequest.Header;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.Memory;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** HTTP and LLM calls of modules: {@code spec/wasm-host.md}. Each blocks its guest, which can be frozen and killed meanwhile. */
final class TinyvmWeb {
    static final int MAX_REQUEST_BYTES = 4 << 20;
    static final int MAX_ANSWER_BYTES = 4 << 20;
    /** How often a request's or an answer's bytes exist at once while they are taken apart. */
    static final int COPIES = 3;

    private static final int MAX_PART_BYTES = 64 << 10;
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(200)
                            .maxStringLength(MAX_REQUEST_BYTES)
                            .build())
                    .build())
            .build();

    private TinyvmWeb() {}

    /** {@code http_call(request, request_length, answer, answer_room, answer_length)} */
    static int httpCall(GuestContext guest, long[] a) {
        if (a[1] == 0) {
            return again(guest, a);
        }
        byte[] request = bytes(guest, a[0], a[1]);
        if (request == null) {
            return WasiErrno.INVAL;
        }
        return give(guest, a, within(guest, request, () -> whole(guest, request(guest, request))));
    }

    /** {@code llm_call(request, request_length, answer, answer_room, answer_length)} */
    static int llmCall(GuestContext guest, long[] a) {
        if (!hasLlm(guest)) {
            return WasiErrno.NOSYS;
        }
        if (a[1] == 0) {
            return again(guest, a);
        }
        byte[] body = bytes(guest, a[0], a[1]);
        if (body == null) {
            return WasiErrno.INVAL;
        }
        return give(
                guest,
                a,
                within(guest, body, () -> exchange(guest, llmRequest(guest, body), exchange -> rest(guest, exchange))));
    }

    static boolean hasLlm(GuestContext guest) {
        return !guest.environment().getOrDefault("OPENAI_BASE_URL", "").isEmpty();
    }

    /** A chat completion at the Tiny VM's LLM gateway. @throws WebException {@code ENOSYS} when it has none */
    static WebRequest llmRequest(GuestContext guest, byte[] body) throws WebException {
        if (!hasLlm(guest)) {
            throw new WebException(
                    "ENOSYS",
                    "this Tiny VM has no LLM: the descriptor's `llm` and a provider of the manager give it one");
        }
        String base = guest.environment().getOrDefault("OPENAI_BASE_URL", "");
        String key = guest.environment().getOrDefault("OPENAI_API_KEY", "none");
        return WebRequest.of(
                "POST",
                base.replaceAll("/+$", "") + "/chat/completions",
                List.of(new Header("Content-Type", "application/json"), new Header("Authorization", "Bearer " + key)),
                body);
    }

    /** {@code http_open(request, request_length, handle, answer, answer_room, answer_length)}: the answer's head, its body comes by {@code http_read} */
    static int open(GuestContext guest, long[] a) {
        byte[] request = bytes(guest, a[0], a[1]);
        if (request == null) {
            return WasiErrno.INVAL;
        }
        int[] handle = {0};
        byte[] head = within(guest, request, () -> {
            WebRequest wanted = request(guest, request);
            handle[0] = guest.web().make();
            try {
                return JSON.writeValueAsBytes(head(guest.web().open(handle[0], wanted)));
            } catch (WebException e) {
                guest.web().close(handle[0]);
                handle[0] = 0;
                throw e;
            }
        });
        Memory memory = guest.memory();
        memory.writeI32((int) a[5], head.length);
        if (Integer.toUnsignedLong((int) a[4]) < head.length) {
            guest.web().close(handle[0]);
            return WasiErrno.OVERFLOW;
        }
        memory.write((int) a[3], head, 0, head.length);
        memory.writeI32((int) a[2], handle[0]);
        return WasiErrno.SUCCESS;
    }

    /** {@code http_read(handle, into, room, got)}: waits for more of the body; 0 at its end */
    static int read(GuestContext guest, long[] a) {
        int most = (int) Math.min(Integer.toUnsignedLong((int) a[2]), MAX_PART_BYTES);
        if (most == 0) {
            return WasiErrno.INVAL;
        }
        byte[][] part = {new byte[0]};
        int[] errno = {WasiErrno.SUCCESS};
        guest.process().waiting(() -> {
            try {
                part[0] = guest.web().require((int) a[0]).read(most);
            } catch (WebException e) {
                errno[0] = e.code().equals("EBADF") ? WasiErrno.BADF : WasiErrno.IO;
            }
            return 0;
        });
        if (errno[0] != WasiErrno.SUCCESS) {
            guest.web().close((int) a[0]);
            return errno[0];
        }
        guest.memory().write((int) a[1], part[0], 0, part[0].length);
        guest.memory().writeI32((int) a[3], part[0].length);
        return WasiErrno.SUCCESS;
    }

    /** {@code http_close(handle)} */
    static int close(GuestContext guest, long[] a) {
        guest.web().close((int) a[0]);
        return WasiErrno.SUCCESS;
    }

    private static byte @Nullable [] bytes(GuestContext guest, long address, long length) {
        long size = Integer.toUnsignedLong((int) length);
        return size > MAX_REQUEST_BYTES ? null : guest.memory().readBytes((int) address, (int) size);
    }

    /** The last answer once more: the guest has made room for it. */
    private static int again(GuestContext guest, long[] a) {
        byte[] kept = guest.keptAnswer();
        return kept == null ? WasiErrno.INVAL : give(guest, a, kept, true);
    }

    private static int give(GuestContext guest, long[] a, byte[] answer) {
        return give(guest, a, answer, false);
    }

    private static int give(GuestContext guest, long[] a, byte[] answer, boolean kept) {
        Memory memory = guest.memory();
        memory.writeI32((int) a[4], answer.length);
        if (Integer.toUnsignedLong((int) a[3]) < answer.length) {
            return kept || guest.keepAnswer(answer) ? WasiErrno.OVERFLOW : WasiErrno.NOMEM;
        }
        memory.write((int) a[2], answer, 0, answer.length);
        guest.dropAnswer();
        return WasiErrno.SUCCESS;
    }

    /** Runs it while the guest waits, what it holds of the common heap on the guest's account; a failure of the exchange is an answer, too. */
    private static byte[] within(GuestContext guest, byte[] request, Exchange exchange) {
        byte[][] answer = {new byte[0]};
        guest.process().waiting(() -> {
            long held = (long) COPIES * request.length;
            boolean taken = false;
            try {
                taken = guest.machine().memory().take(held);
                if (!taken) {
                    throw new WebException("ENOMEM", "the memory limit leaves no room for the request");
                }
                answer[0] = exchange.run();
            } catch (WebException e) {
                answer[0] = JSON.writeValueAsBytes(error(e));
            } finally {
                if (taken) {
                    guest.machine().memory().giveBack(held);
                }
            }
            return 0;
        });
        return answer[0];
    }

    private static byte[] whole(GuestContext guest, WebRequest request) throws WebException {
        return exchange(guest, request, exchange -> {
            ObjectNode answer = head(exchange);
            byte[] body = rest(guest, exchange);
            try {
                answer.put(
                        "body",
                        StandardCharsets.UTF_8
                                .newDecoder()
                                .decode(ByteBuffer.wrap(body))
                                .toString());
            } catch (CharacterCodingException e) {
                answer.put("bodyBase64", Base64.getEncoder().encodeToString(body));
            }
            return JSON.writeValueAsBytes(answer);
        });
    }

    private static byte[] exchange(GuestContext guest, WebRequest request, Answer answer) throws WebException {
        GuestWeb web = guest.web();
        int number = web.make();
        try {
            return answer.of(web.open(number, request));
        } finally {
            web.close(number);
        }
    }

    private static byte[] rest(GuestContext guest, WebExchange exchange) throws WebException {
        MemoryAccount account = guest.machine().memory();
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        long held = 0;
        try {
            for (byte[] part = exchange.read(MAX_PART_BYTES); part.length > 0; part = exchange.read(MAX_PART_BYTES)) {
                if (all.size() + part.length > MAX_ANSWER_BYTES) {
                    throw new WebException(
                            "E2BIG", "the answer has more than " + MAX_ANSWER_BYTES + " bytes; read it with http_open");
                }
                if (!account.take((long) COPIES * part.length)) {
                    throw new WebException("ENOMEM", "the memory limit leaves no room for the answer");
                }
                held += (long) COPIES * part.length;
                all.writeBytes(part);
            }
            return all.toByteArray();
        } finally {
            account.giveBack(held);
        }
    }

    /** What stands in an answer's place when the exchange failed. */
    static ObjectNode error(WebException e) {
        ObjectNode error = JSON.createObjectNode();
        error.putObject("error").put("code", e.code()).put("message", e.getMessage());
        return error;
    }

    static ObjectNode head(WebExchange exchange) {
        ObjectNode head = JSON.createObjectNode();
        head.put("status", exchange.status()).put("reason", exchange.reason());
        ArrayNode headers = head.putArray("headers");
        exchange.headers().forEach(h -> headers.addArray().add(h.name()).add(h.value()));
        return head;
    }

    /** A request in JSON. */
    static WebRequest request(GuestContext guest, byte[] json) throws WebException {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JacksonException e) {
            throw new WebException("EINVAL", "the request is no JSON: " + e.getOriginalMessage(), e);
        }
        if (!root.isObject()) {
            throw new WebException("EINVAL", "the request is no JSON object");
        }
        List<Header> headers = new ArrayList<>();
        for (Map.Entry<String, JsonNode> header : root.path("headers").properties()) {
            headers.add(new Header(header.getKey(), header.getValue().asString("")));
        }
        byte[] body;
        try {
            body = root.path("bodyBase64").isString()
                    ? Base64.getDecoder().decode(root.path("bodyBase64").asString())
                    : root.path("body").asString("").getBytes(StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new WebException("EINVAL", "bodyBase64 is not base64: " + e.getMessage(), e);
        }
        return WebRequest.of(
                root.path("method").asString("GET"), root.path("url").asString(""), headers, body);
    }

    @FunctionalInterface
    private interface Exchange {
        byte[] run() throws WebException;
    }

    @FunctionalInterface
    private interface Answer {
        byte[] of(WebExchange exchange) throws WebException;
    }
}
