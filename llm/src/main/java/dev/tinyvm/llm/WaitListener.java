package dev.tinyvm.llm;

/** Hears when a Tiny VM waits for a model, so that it can be frozen meanwhile. Runs on the call's thread, and {@link #firstByte} before the byte is handed on. */
public interface WaitListener {
    /** Nobody listens. */
    WaitListener NONE = new WaitListener() {
        @Override
        public void callBegan(Caller caller) {}

        @Override
        public void firstByte(Caller caller) {}

        @Override
        public void callEnded(Caller caller) {}
    };

    /** Its request has been read, and it now waits. */
    void callBegan(Caller caller);

    /** An answer, or an error in its place, is about to reach it. At most once for each call. */
    void firstByte(Caller caller);

    /** The call is over. Exactly once for each {@link #callBegan}. */
    void callEnded(Caller caller);
}
