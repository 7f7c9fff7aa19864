package dev.tinyvm.server.llm;

import dev.tinyvm.llm.Caller;
import dev.tinyvm.llm.Gateway;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.http.LlmRequest;
import dev.tinyvm.llm.tape.Tapes;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.ErrorShape;
import dev.tinyvm.llm.wire.LlmException;
import dev.tinyvm.server.http.Authenticator;
import dev.tinyvm.server.http.Door;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.PercentCode;
import dev.tinyvm.server.http.Router;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code /llm/…}: the gateway for clients outside of Tiny VMs, at the paths that stock SDKs add to their base URL. The key is one of this manager's, sent in whichever way the SDK sends a provider's:
 * {@code Authorization: Bearer}, {@code x-api-key}, {@code x-goog-api-key}, {@code api-key}, or {@code key} in the query. Errors have the shape of the client's dialect.
 *
 * <p>It always needs a key, which a browser does not add by itself, so a foreign host name gains nothing (DNS rebinding).
 */
public final class LlmDoor implements Door {
    /** What stands before the paths. */
    public static final String PREFIX = "/llm";

    /** Records the call under the name that is its value. */
    public static final String RECORD = "X-TinyVM-Record";
    /** Answers the call from that recording: {@code NAME}, or {@code NAME:RUN} for a replay of its own. */
    public static final String REPLAY = "X-TinyVM-Replay";
    /** {@code exact} or {@code order}. */
    public static final String MATCH = "X-TinyVM-Replay-Match";

    private static final Logger log = LoggerFactory.getLogger(LlmDoor.class);
    private static final List<String> KEY_HEADERS = List.of("x-api-key", "x-goog-api-key", "api-key");

    private static final Set<String> TAPE_HEADERS =
            Set.of("x-tinyvm-record", "x-tinyvm-replay", "x-tinyvm-replay-match");

    private final Optional<Gateway> gateway;
    private final Authenticator authenticator;
    private final Tapes tapes;

    /**
     * Of a manager.
     *
     * @param gateway empty: no provider is configured, and every call says so
     * @param tapes for clients that send {@value #RECORD} or {@value #REPLAY}
     */
    public LlmDoor(Optional<Gateway> gateway, Authenticator authenticator, Tapes tapes) {
        this.gateway = gateway;
        this.authenticator = authenticator;
        this.tapes = tapes;
    }

    /** Its requests are told by their path before the routes are asked: they stream, and their errors are not the API's. */
    @Override
    public void mount(Router router) {
        // Nothing to add: see above.
    }

    @Override
    public boolean takes(Request request, Response response, Callback callback) {
        String path = request.getHttpURI().getPath();
        if (path == null || !(path.startsWith(PREFIX + "/") || path.equals(PREFIX))) {
            return false;
        }
        request.addIdleTimeoutListener(timeout -> false);
        LlmRequest translated = translated(request, path);
        JettyAnswer answer = new JettyAnswer(request, response, callback);
        try {
            serve(translated, request, answer);
        } catch (IOException e) {
            log.debug("the client of {} {} left: {}", request.getMethod(), path, e.getMessage());
            answer.abort();
        } catch (RuntimeException e) {
            log.warn("{} {} failed", request.getMethod(), path, e);
            answer.abort();
        } finally {
            answer.finish();
        }
        return true;
    }

    private void serve(LlmRequest translated, Request request, JettyAnswer answer) throws IOException {
        String key;
        try {
            key = authenticator.authenticate(secret(request), Request.getRemoteAddr(request));
            if (gateway.isEmpty()) {
                throw new LlmException(
                        LlmException.Kind.NOT_FOUND,
                        "this manager has no LLM provider; add llm.providers and llm.routes to its tinyvm.yaml");
            }
        } catch (HttpError e) {
            boolean rate = e.status() == 429;
            refuse(
                    answer,
                    translated,
                    new LlmException(
                            rate ? LlmException.Kind.RATE : LlmException.Kind.UNAUTHENTICATED,
                            e.hint().isEmpty() ? e.text() : e.text() + "; " + e.hint(),
                            rate ? 1 : 0));
            return;
        } catch (LlmException e) {
            refuse(answer, translated, e);
            return;
        }
        HttpFields headers = request.getHeaders();
        String replay = value(headers, REPLAY);
        int colon = replay.indexOf(':');
        String name = colon < 0 ? replay : replay.substring(0, colon);
        gateway.get()
                .handle(
                        translated,
                        new Caller("", "", key),
                        answer,
                        caller -> tapes.of(key + "\n" + replay, value(headers, RECORD), name, value(headers, MATCH)));
    }

    private static void refuse(JettyAnswer answer, LlmRequest request, LlmException error) throws IOException {
        ErrorShape.answer(answer, Endpoint.dialect(request), error);
    }

    private static LlmRequest translated(Request request, String path) {
        List<Headers.Field> fields = new ArrayList<>(request.getHeaders().size());
        for (HttpField field : request.getHeaders()) {
            String value = field.getValue();
            if (TAPE_HEADERS.contains(field.getName().toLowerCase(Locale.ROOT))) {
                continue; // For this door alone.
            }
            fields.add(new Headers.Field(field.getName(), value == null ? "" : value));
        }
        String rest = path.length() == PREFIX.length() ? "/" : path.substring(PREFIX.length());
        String query = request.getHttpURI().getQuery();
        return new LlmRequest(
                request.getMethod(),
                query == null ? rest : rest + "?" + query,
                Headers.of(fields),
                Content.Source.asInputStream(request));
    }

    private static String value(HttpFields headers, String name) {
        String value = headers.get(name);
        return value == null ? "" : value.strip();
    }

    private static String secret(Request request) {
        HttpFields headers = request.getHeaders();
        String authorization = headers.get("Authorization");
        if (authorization != null && authorization.regionMatches(true, 0, "Bearer ", 0, 7)) {
            return authorization.substring(7).strip();
        }
        for (String name : KEY_HEADERS) {
            String value = headers.get(name);
            if (value != null && !value.isBlank()) {
                return value.strip();
            }
        }
        String query = request.getHttpURI().getQuery();
        if (query == null) {
            return "";
        }
        try {
            List<String> keys = PercentCode.query(query).getOrDefault("key", List.of());
            return keys.isEmpty() ? "" : keys.getFirst();
        } catch (HttpError e) {
            return ""; // No key can be read from it.
        }
    }
}
