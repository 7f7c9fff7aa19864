package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import java.io.IOException;

/** An answer that knows how far it is. */
final class GuardedAnswer implements Answer {
    private final Answer answer;
    private boolean begun;
    private boolean events;
    private int last = '\n';
    private int beforeLast = '\n';

    GuardedAnswer(Answer answer) {
        this.answer = answer;
    }

    boolean hasBegun() {
        return begun;
    }

    /** Whether an event may follow here. */
    boolean isAtEventEnd() {
        return events && last == '\n' && (beforeLast == '\n' || beforeLast == '\r');
    }

    @Override
    public void begin(int status, Headers headers) throws IOException {
        begun = true;
        events = headers.mediaType().equals("text/event-stream");
        answer.begin(status, headers);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        if (length > 0) {
            beforeLast = length > 1 ? bytes[offset + length - 2] : last;
            last = bytes[offset + length - 1];
        }
        answer.write(bytes, offset, length);
    }

    @Override
    public void end() throws IOException {
        answer.end();
    }

    @Override
    public void abort() {
        answer.abort();
    }

    @Override
    public void whenGone(Runnable gone) {
        answer.whenGone(gone);
    }
}
