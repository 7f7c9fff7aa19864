package dev.tinyvm.llm.tape;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.LlmRequest;
import java.io.IOException;

/** What becomes of a caller's exchanges beside being answered. */
public sealed interface Tape {
    /** They are written to files. */
    non-sealed interface Recording extends Tape {
        /** An answer that keeps what passes through it. */
        Answer record(LlmRequest request, byte[] body, Answer answer);
    }

    /** They are answered from files; no provider is asked and nothing is charged. */
    non-sealed interface Replaying extends Tape {
        /** Answers as it was answered then. */
        void answer(LlmRequest request, byte[] body, Answer answer) throws IOException;
    }
}
