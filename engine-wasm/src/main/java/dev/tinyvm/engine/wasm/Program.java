package dev.tinyvm.engine.wasm;

/** What a machine's image runs: once for each exec, on the process's own thread. */
interface Program {
    /** Whether a command's first word means this program. */
    boolean answersTo(String word);

    /** Names for a message, such as {@code 'agent.wasm'}. */
    String names();

    /** Puts what it needs into a new machine's files. */
    void install(FileTree tree);

    /**
     * Runs to the end.
     *
     * @return the exit code
     * @throws GuestStop as the guest asks or is made to
     */
    int run(GuestContext guest);
}
