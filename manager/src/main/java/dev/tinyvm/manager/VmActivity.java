package dev.tinyvm.manager;

/**
 * What others see of a Tiny VM's doings and the manager does not: calls to models, connections out of it. By this the manager knows when a Tiny VM only waits for a
 * model and may be frozen; {@code docs/manager.md}, "Waiting", has the rule. Any thread. An id that is not known is no error: nothing happens.
 */
public interface VmActivity {
    /** Nobody listens. */
    VmActivity NONE = new VmActivity() {
        @Override
        public ModelCall modelCall(String vm) {
            return ModelCall.NONE;
        }

        @Override
        public Hold hold(String vm) {
            return Hold.NONE;
        }
    };

    /** A call to a model has been read; the Tiny VM waits for its answer from now on. Never blocks. */
    ModelCall modelCall(String vm);

    /** Something is under way for which it must run, until the hold is closed. Returns once it runs. */
    Hold hold(String vm);

    /** One call to a model. */
    interface ModelCall extends AutoCloseable {
        /** Of nobody. */
        ModelCall NONE = new ModelCall() {
            @Override
            public void answered() {}

            @Override
            public void close() {}
        };

        /** The first byte of the answer is there. Returns once the Tiny VM runs and can take it; only the first time counts. Never throws. */
        void answered();

        /** The call is over, answered or not. Only the first time counts. */
        @Override
        void close();
    }

    /** Keeps a Tiny VM from being frozen. */
    interface Hold extends AutoCloseable {
        /** Of nobody. */
        Hold NONE = () -> {};

        /** Only the first time counts. Never blocks. */
        @Override
        void close();
    }
}
