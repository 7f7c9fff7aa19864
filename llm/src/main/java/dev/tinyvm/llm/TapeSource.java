package dev.tinyvm.llm;

import dev.tinyvm.llm.tape.Tape;
import java.util.Optional;

/** Tells whose exchanges are recorded or replayed. Called once for each call; must not block. */
@FunctionalInterface
public interface TapeSource {
    /** Nobody's. */
    TapeSource NONE = caller -> Optional.empty();

    /** The tape that runs for this caller. */
    Optional<Tape> of(Caller caller);
}
