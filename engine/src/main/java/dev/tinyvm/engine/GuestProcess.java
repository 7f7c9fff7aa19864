package dev.tinyvm.engine;

/**
 * A running command. One thread reads with {@link #next}; any thread may write and signal. Closing detaches: the process goes on.
 */
public interface GuestProcess extends AutoCloseable {
    /** The guest's own number, for {@link Machine#attach}. */
    int processId();

    /** Its pid inside. */
    int pid();

    /**
     * Waits for what comes next. After {@link Output.Exited} or {@link Output.Lost} it returns the same again.
     *
     * <p>Not calling it stalls the process once its window is full, and nobody else.
     *
     * @throws InterruptedException when the caller's thread is interrupted
     */
    Output next() throws InterruptedException;

    /**
     * Tells the guest that output up to these offsets is safe with the caller and need not be kept. With 256 KiB kept the process blocks, so
     * every caller must acknowledge what it takes.
     */
    void acknowledge(long stdoutOffset, long stderrOffset);

    /** Writes input; blocks while the process does not read. {@code GONE} once it has ended or closed its input. */
    void writeStdin(byte[] bytes, int offset, int length);

    /** End of input. */
    void closeStdin();

    /** Sends a signal. @param wholeGroup to its process group rather than to it alone */
    void signal(int signal, boolean wholeGroup);

    /** New window size; nothing happens without a terminal. */
    void resize(int rows, int columns);

    @Override
    void close();

    /** What a process says. */
    sealed interface Output {
        /** Bytes of standard output (all output of a terminal). @param offset of the first byte in the whole stream */
        @SuppressWarnings("ArrayRecordComponent")
        record Stdout(long offset, byte[] bytes) implements Output {}

        /** Bytes of standard error. @param offset of the first byte in the whole stream */
        @SuppressWarnings("ArrayRecordComponent")
        record Stderr(long offset, byte[] bytes) implements Output {}

        /**
         * The end.
         *
         * @param exitCode 0 to 255, −1 when a signal ended it
         * @param signal the signal's number, 0 when none
         * @param cpuMicros CPU time of the process and its waited-for children
         * @param maxRssBytes largest resident size of one of them
         */
        record Exited(int exitCode, int signal, long cpuMicros, long maxRssBytes) implements Output {
            /** As a shell says it: the code, or 128 + signal. */
            public int shellStatus() {
                return signal == 0 ? exitCode : 128 + signal;
            }
        }

        /** The machine ended or the link broke before the process's end was known. */
        record Lost(String reason) implements Output {}
    }
}
