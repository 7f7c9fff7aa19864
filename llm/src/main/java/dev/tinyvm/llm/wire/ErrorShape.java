package dev.tinyvm.llm.wire;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/** Tells an error as the client's dialect does, so that stock SDKs raise the exception that their users know. */
public final class ErrorShape {
    private ErrorShape() {}

    /** The whole answer. */
    public static void answer(Answer answer, Dialect dialect, LlmException error) throws IOException {
        byte[] body = Json.bytes(body(dialect, error));
        List<Headers.Field> fields = new ArrayList<>();
        fields.add(new Headers.Field("Content-Type", "application/json"));
        fields.add(new Headers.Field("Content-Length", Integer.toString(body.length)));
        if (error.retryAfterSeconds() > 0) {
            fields.add(new Headers.Field("Retry-After", Long.toString(error.retryAfterSeconds())));
        }
        if (error.kind() != LlmException.Kind.RATE && error.kind() != LlmException.Kind.BUSY) {
            // The SDKs of OpenAI and Anthropic obey this: a spent budget stays spent, and the gateway has tried
            // providers again itself.
            fields.add(new Headers.Field("x-should-retry", "false"));
        }
        answer.begin(error.kind().status(), Headers.of(fields));
        answer.write(body, 0, body.length);
        answer.end();
    }

    /** An event that tells of an error within a stream. @param responses whether it is one of OpenAI's Responses, whose events all have a type */
    public static byte[] event(Dialect dialect, boolean responses, LlmException error) {
        if (responses) {
            String code = error.kind().openAiCode();
            ObjectNode event = Json.object().put("type", "error").put("code", code.isEmpty() ? "server_error" : code);
            event.put("message", error.text()).putNull("param");
            return ("event: error\ndata: " + Json.text(event) + "\n\n").getBytes(StandardCharsets.UTF_8);
        }
        String name = dialect == Dialect.ANTHROPIC ? "event: error\n" : "";
        return (name + "data: " + Json.text(body(dialect, error)) + "\n\n").getBytes(StandardCharsets.UTF_8);
    }

    /** The body of an error. */
    public static ObjectNode body(Dialect dialect, LlmException error) {
        LlmException.Kind kind = error.kind();
        ObjectNode body = Json.object();
        switch (dialect) {
            case OPENAI -> {
                ObjectNode inner = body.putObject("error");
                inner.put("message", error.text());
                inner.put("type", kind.openAiType());
                inner.putNull("param");
                if (kind.openAiCode().isEmpty()) {
                    inner.putNull("code");
                } else {
                    inner.put("code", kind.openAiCode());
                }
            }
            case ANTHROPIC -> {
                body.put("type", "error");
                ObjectNode inner = body.putObject("error");
                inner.put("type", kind.anthropicType());
                inner.put("message", error.text());
            }
            case GEMINI -> {
                ObjectNode inner = body.putObject("error");
                inner.put("code", kind.status());
                inner.put("message", error.text());
                inner.put("status", kind.geminiStatus());
            }
        }
        return body;
    }
}
