package dev.tinyvm.llm.tape;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.http.LlmRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes exchanges into a directory, one file each, numbered in the order in which they began. An exchange is there before its client hears the end; one that cannot
 * be written is logged, and its client is answered all the same.
 */
public final class Recorder implements Tape.Recording {
    /** A longer answer is not recorded. */
    public static final int ANSWER_BYTES = 64 << 20;

    private static final Logger log = LoggerFactory.getLogger(Recorder.class);

    private final Path directory;
    private final AtomicInteger last = new AtomicInteger();

    /**
     * Into this directory, which is made, and must hold no recording yet.
     *
     * @throws IOException it cannot be made or is not empty
     */
    public Recorder(Path directory) throws IOException {
        this.directory = directory;
        Files.createDirectories(directory);
        try (var files = Files.list(directory)) {
            if (files.findAny().isPresent()) {
                throw new IOException(
                        "could not record into " + directory + ": it is not empty; name another directory");
            }
        }
    }

    private Recorder(Path directory, int last) {
        this.directory = directory;
        this.last.set(last);
    }

    /**
     * Into this directory, which is made, or goes on behind what is there.
     *
     * @throws IOException it cannot be made or read
     */
    public static Recorder goingOn(Path directory) throws IOException {
        Files.createDirectories(directory);
        try (var files = Files.list(directory)) {
            int last = files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.matches("[0-9]{6,9}\\.exchange"))
                    .mapToInt(name -> Integer.parseInt(name.substring(0, name.indexOf('.'))))
                    .max()
                    .orElse(0);
            return new Recorder(directory, last);
        }
    }

    @Override
    public Answer record(LlmRequest request, byte[] body, Answer answer) {
        String number = String.format(Locale.ROOT, "%06d", last.incrementAndGet());
        return new RecordedAnswer(request, body, answer, directory.resolve(number + ".exchange"));
    }

    private static final class RecordedAnswer implements Answer {
        private final LlmRequest request;
        private final byte[] body;
        private final Answer answer;
        private final Path file;
        private final ByteArrayOutputStream kept = new ByteArrayOutputStream(1024);
        private final List<Integer> parts = new ArrayList<>();
        private int status;
        private Headers headers = Headers.none();
        private boolean written;
        private long left = -1;

        RecordedAnswer(LlmRequest request, byte[] body, Answer answer, Path file) {
            this.request = request;
            this.body = body;
            this.answer = answer;
            this.file = file;
        }

        @Override
        public void begin(int givenStatus, Headers given) throws IOException {
            status = givenStatus;
            headers = given;
            left = given.first("Content-Length").map(Long::parseLong).orElse(-1L);
            answer.begin(givenStatus, given);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            if (length > 0 && !written) {
                if (kept.size() + length > ANSWER_BYTES) {
                    written = true;
                    log.warn("an answer larger than {} MiB is not recorded: {}", ANSWER_BYTES >> 20, file);
                } else {
                    kept.write(bytes, offset, length);
                    parts.add(length);
                }
            }
            left -= length;
            if (left == 0) {
                // Its client knows that this is the last part.
                keep(true);
            }
            answer.write(bytes, offset, length);
        }

        @Override
        public void end() throws IOException {
            keep(true);
            answer.end();
        }

        @Override
        public void abort() {
            keep(false);
            answer.abort();
        }

        @Override
        public void whenGone(Runnable gone) {
            answer.whenGone(gone);
        }

        private void keep(boolean complete) {
            if (written || status == 0) {
                return;
            }
            written = true;
            try {
                new ExchangeFile(
                                request.method(),
                                ExchangeFile.withoutKey(request.target()),
                                body,
                                status,
                                headers,
                                kept.toByteArray(),
                                parts,
                                complete)
                        .write(file);
            } catch (IOException e) {
                log.warn("the exchange {} could not be written", file, e);
            }
        }
    }
}
