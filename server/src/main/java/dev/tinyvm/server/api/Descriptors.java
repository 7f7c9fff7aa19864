package dev.tinyvm.server.api;

import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Limits;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.DescriptorException;
import dev.tinyvm.spec.DescriptorReader;
import dev.tinyvm.spec.Problem;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** Descriptors as they come in a body. */
final class Descriptors {
    private static final String SOURCE = "the descriptor";
    private static final ReadBefore<Agent> READ = new ReadBefore<>(text -> DescriptorReader.read(text, SOURCE, null));

    private Descriptors() {}

    /** The body as text. 415 unless it says YAML or JSON, 413 when too large. */
    static String body(Call call) {
        String type = call.contentType();
        switch (type) {
            case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "application/json" -> {}
            default ->
                throw HttpError.of(
                        415,
                        "unsupported_media_type",
                        type.isEmpty() ? "the body has no Content-Type" : "a descriptor cannot be '" + type + "'",
                        "send application/yaml or application/json");
        }
        byte[] body = call.body(Limits.DESCRIPTOR_BYTES);
        if (body.length == 0) {
            throw HttpError.invalid("the body is empty; it should be a descriptor");
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(body))
                    .toString();
        } catch (CharacterCodingException e) {
            throw HttpError.invalid("the descriptor is not UTF-8");
        }
    }

    static boolean json(Call call) {
        return call.contentType().equals("application/json");
    }

    static Agent read(String text) {
        if (text.length() > Limits.DESCRIPTOR_BYTES) {
            throw HttpError.of(413, "too_large", "the descriptor is larger than 1 MiB", "");
        }
        return READ.get(text);
    }

    /** The field {@code descriptor} of a request: text (YAML or JSON), or an object. */
    static Agent field(JsonRequest request) {
        JsonNode value = request.raw("descriptor")
                .orElseThrow(
                        () -> HttpError.invalid("descriptor is missing; it must be an object, or YAML as a string"));
        if (value.isString()) {
            return read(value.stringValue());
        }
        if (!value.isObject()) {
            throw HttpError.invalid("descriptor must be an object, or YAML as a string");
        }
        try {
            return read(value.toString());
        } catch (DescriptorException e) {
            // The text that was read is not the text that was sent: its lines would mislead.
            List<Problem> problems = e.problems().stream()
                    .map(p -> new Problem(p.path(), 0, 0, p.message()))
                    .toList();
            throw new DescriptorException(e.sourceName(), problems);
        }
    }
}
