package dev.tinyvm.server.http;

import java.io.ByteArrayOutputStream;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** Writes one JSON value straight into the answer's bytes: no tree, no reflection, since this is on the path of every request. */
@FunctionalInterface
public interface JsonBody {
    /** Shared: it is thread-safe and costly to make. */
    JsonFactory FACTORY = new JsonFactory();

    void write(JsonGenerator generator);

    default byte[] bytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream(512);
        try (JsonGenerator generator = FACTORY.createGenerator(ObjectWriteContext.empty(), out)) {
            write(generator);
        }
        return out.toByteArray();
    }

    default String text() {
        return new String(bytes(), java.nio.charset.StandardCharsets.UTF_8);
    }
}
