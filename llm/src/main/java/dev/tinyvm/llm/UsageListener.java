package dev.tinyvm.llm;

import dev.tinyvm.llm.wire.Usage;
import java.time.Duration;
import java.time.Instant;

/** Hears what each call has used, once, whatever became of it. Runs on the call's thread: it must be quick. */
@FunctionalInterface
public interface UsageListener {
    /**
     * One call that reached a provider.
     *
     * @param model as the provider calls it
     * @param status of the provider's answer; 0 when there was none
     * @param usage tokens
     * @param nanoUsd money in billionths of a dollar; 0 when not priced
     * @param priced whether the price table has this model
     * @param complete whether the provider's answer came to its end
     * @param began when the request had been read
     * @param untilFirstByte wait of the client; of the whole call when no byte came
     * @param whole until it was over
     */
    record Call(
            Caller caller,
            String provider,
            String model,
            int status,
            Usage usage,
            long nanoUsd,
            boolean priced,
            boolean complete,
            Instant began,
            Duration untilFirstByte,
            Duration whole) {}

    /** A call is over. */
    void used(Call call);

    /**
     * A call goes out to a provider, which may charge for it from now on. {@link Ongoing#ended} takes the place of {@link #used} for it.
     *
     * @param model as the provider calls it
     * @param expected guessed: the prompt
     * @param nanoUsd what that costs; 0 when not priced
     */
    default Ongoing began(Caller caller, String model, Usage expected, long nanoUsd) {
        return new Ongoing() {
            @Override
            public void progress(Usage soFar, long costing) {
                // It is told at its end.
            }

            @Override
            public void ended(Call call) {
                used(call);
            }

            @Override
            public void dropped() {
                // Nothing to take back.
            }
        };
    }

    /** A call that is under way, for whoever must know what it used even if this process is killed. Runs on the call's thread: it must be quick. */
    interface Ongoing {
        /** So far, partly guessed; told a few times a second while an answer streams. */
        void progress(Usage soFar, long nanoUsd);

        /** It is over. */
        void ended(Call call);

        /** The provider did not take it. */
        void dropped();
    }
}
