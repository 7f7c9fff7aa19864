package dev.tinyvm.llm.tape;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.wire.Json;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One exchange as a file: a line of JSON, then the bytes of the request's body, then those of the answer's body. Headers that carry keys are left out, and so is a
 * {@code key} in the query.
 *
 * @param target path and query
 * @param parts sizes of the parts in which the answer's body came
 * @param complete whether the answer came to its end
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record ExchangeFile(
        String method,
        String target,
        byte[] request,
        int status,
        Headers headers,
        byte[] answer,
        List<Integer> parts,
        boolean complete) {
    private static final int VERSION = 1;
    private static final int LINE_BYTES = 16 << 20;
    private static final Set<String> SECRET = Set.of("set-cookie", "authorization", "x-api-key", "x-goog-api-key");

    static String withoutKey(String target) {
        int question = target.indexOf('?');
        if (question < 0) {
            return target;
        }
        List<String> kept = new ArrayList<>();
        for (String part : target.substring(question + 1).split("&", -1)) {
            if (!part.toLowerCase(Locale.ROOT).startsWith("key=")) {
                kept.add(part);
            }
        }
        String query = String.join("&", kept);
        return query.isEmpty() ? target.substring(0, question) : target.substring(0, question + 1) + query;
    }

    /** Written aside and moved, so that a file that is there is whole. */
    void write(Path file) throws IOException {
        ObjectNode head = Json.object();
        head.put("version", VERSION).put("method", method).put("target", target).put("requestBytes", request.length);
        head.put("status", status).put("answerBytes", answer.length).put("complete", complete);
        ArrayNode fields = head.putArray("headers");
        headers.without(SECRET)
                .forEach(field -> fields.addArray().add(field.name()).add(field.value()));
        ArrayNode sizes = head.putArray("parts");
        parts.forEach(sizes::add);
        Path aside = file.resolveSibling(file.getFileName() + ".part");
        try (OutputStream out = Files.newOutputStream(aside)) {
            out.write(Json.bytes(head));
            out.write('\n');
            out.write(request);
            out.write(answer);
        }
        Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** @throws IOException it is not such a file */
    static ExchangeFile read(Path file) throws IOException {
        byte[] all = Files.readAllBytes(file);
        int line = 0;
        while (line < all.length && line < LINE_BYTES && all[line] != '\n') {
            line++;
        }
        JsonNode head = Json.parse(all, 0, line);
        if (head == null || head.path("version").asInt(0) != VERSION) {
            throw new IOException(file + " is not a recorded exchange of version " + VERSION + "; record it again");
        }
        int requestBytes = head.path("requestBytes").asInt(-1);
        int answerBytes = head.path("answerBytes").asInt(-1);
        if (requestBytes < 0 || answerBytes < 0 || (long) line + 1 + requestBytes + answerBytes != all.length) {
            throw new IOException(file + " is not as long as it says; it was changed or cut");
        }
        List<Headers.Field> fields = new ArrayList<>();
        head.path("headers")
                .forEach(pair -> fields.add(new Headers.Field(
                        pair.path(0).asString(""), pair.path(1).asString(""))));
        List<Integer> sizes = new ArrayList<>();
        head.path("parts").forEach(size -> sizes.add(size.asInt(0)));
        if (sizes.stream().anyMatch(size -> size <= 0)
                || sizes.stream().mapToLong(Integer::longValue).sum() != answerBytes) {
            throw new IOException(file + " has parts that do not add up; it was changed");
        }
        int start = line + 1;
        return new ExchangeFile(
                Json.string(head, "method"),
                Json.string(head, "target"),
                java.util.Arrays.copyOfRange(all, start, start + requestBytes),
                head.path("status").asInt(0),
                Headers.of(fields),
                java.util.Arrays.copyOfRange(all, start + requestBytes, all.length),
                List.copyOf(sizes),
                head.path("complete").asBoolean(false));
    }
}
