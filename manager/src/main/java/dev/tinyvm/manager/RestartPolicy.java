package dev.tinyvm.manager;

import dev.tinyvm.spec.Restart;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** What to do after an end. Pure: from the descriptor's policy and the recent restarts to a decision. */
final class RestartPolicy {
    /** More are not remembered; a policy that allows more within its window never sees a crash loop. */
    static final int REMEMBERED = 1_000;

    private RestartPolicy() {}

    /** @param recent times of the restarts so far, oldest first */
    static Decision decide(Restart restart, boolean failure, List<Instant> recent, Instant now) {
        boolean again = switch (restart.policy()) {
            case NEVER -> false;
            case ON_FAILURE -> failure;
            case ALWAYS -> true;
        };
        if (!again || restart.maxRestarts() == 0) {
            return new Decision.Stay();
        }
        long within = recent.stream()
                .filter(at -> at.isAfter(now.minus(restart.window())))
                .count();
        if (within >= restart.maxRestarts()) {
            return new Decision.GiveUp((int) within);
        }
        return new Decision.Again(delay(restart, within), (int) within + 1);
    }

    /** The times to remember with one more restart. */
    static List<Instant> remember(Restart restart, List<Instant> recent, Instant now) {
        List<Instant> kept = new java.util.ArrayList<>(recent.stream()
                .filter(at -> at.isAfter(now.minus(restart.window())))
                .toList());
        kept.add(now);
        return kept.subList(Math.max(0, kept.size() - REMEMBERED), kept.size());
    }

    private static Duration delay(Restart restart, long within) {
        Duration delay = restart.backoff();
        for (long i = 0; i < within && delay.compareTo(restart.maxBackoff()) < 0; i++) {
            delay = delay.multipliedBy(2);
        }
        return delay.compareTo(restart.maxBackoff()) > 0 ? restart.maxBackoff() : delay;
    }

    /** What to do. */
    sealed interface Decision {
        /** Ended is ended. */
        record Stay() implements Decision {}

        /** It ends too often. @param restarts within the window */
        record GiveUp(int restarts) implements Decision {}

        /** Start it again. @param number of this restart within the window, from 1 */
        record Again(Duration delay, int number) implements Decision {}
    }
}
