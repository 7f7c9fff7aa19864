package dev.tinyvm.llm.tape;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.LlmRequest;
import dev.tinyvm.llm.wire.LlmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Answers from a {@link Recorder}'s directory, bit for bit, without a provider. Each exchange is used once, in the order of the recording among those that fit. */
public final class Replayer implements Tape.Replaying {
    private final Match match;
    private final Set<Path> unused;

    /** Which requests count as the recorded one. */
    public enum Match {
        /** Same method, path and body. */
        EXACT,
        /** Same method and path: for agents whose prompts hold the time of day. */
        ORDER
    }

    /**
     * From this directory.
     *
     * @throws IOException there is no recording
     */
    public Replayer(Path directory, Match match) throws IOException {
        this.match = match;
        try (var files = Files.list(directory)) {
            List<Path> exchanges = files.filter(file -> file.toString().endsWith(".exchange"))
                    .sorted()
                    .toList();
            unused = new LinkedHashSet<>(exchanges);
        }
        if (unused.isEmpty()) {
            throw new IOException("could not replay " + directory + ": no exchange was recorded there");
        }
    }

    /** How many recorded exchanges were not asked for yet. */
    public synchronized int left() {
        return unused.size();
    }

    /** @throws LlmException nothing that is left fits */
    @Override
    public void answer(LlmRequest request, byte[] body, Answer answer) throws IOException {
        ExchangeFile exchange = take(request, body);
        answer.begin(exchange.status(), exchange.headers());
        int at = 0;
        for (int size : exchange.parts()) {
            answer.write(exchange.answer(), at, size);
            at += size;
        }
        if (exchange.complete()) {
            answer.end();
        } else {
            answer.abort();
        }
    }

    private synchronized ExchangeFile take(LlmRequest request, byte[] body) throws IOException {
        String target = ExchangeFile.withoutKey(request.target());
        for (Path file : unused) {
            ExchangeFile exchange = ExchangeFile.read(file);
            if (exchange.method().equals(request.method())
                    && exchange.target().equals(target)
                    && (match == Match.ORDER || Arrays.equals(exchange.request(), body))) {
                unused.remove(file);
                return exchange;
            }
        }
        throw new LlmException(
                LlmException.Kind.NOT_RECORDED,
                "no recorded exchange that is left fits " + request.method() + " " + request.path()
                        + " with this body; " + unused.size()
                        + " are left; the agent does something else than when it was recorded");
    }
}
