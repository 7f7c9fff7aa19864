package dev.tinyvm.engine;

/** A command inside of a {@link FakeVm}: Java that behaves like a process. Runs on a virtual thread of its own. */
@FunctionalInterface
public interface FakeProgram {
    /**
     * Runs to its end.
     *
     * @return the exit code, 0 to 255
     * @throws InterruptedException a signal killed it; must be let through
     */
    int run(FakeProcess self) throws InterruptedException;
}
