package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.GuestProcess;
import org.jspecify.annotations.Nullable;

/** A caller's view of a process. One thread reads; any thread writes and signals. */
final class WasmStream implements GuestProcess {
    private final WasmProcess process;
    private volatile long stdoutOffset;
    private volatile long stderrOffset;
    private volatile @Nullable Output lost;

    WasmStream(WasmProcess process, long stdoutOffset, long stderrOffset) {
        this.process = process;
        this.stdoutOffset = stdoutOffset;
        this.stderrOffset = stderrOffset;
    }

    @Override
    public int processId() {
        return process.processId();
    }

    @Override
    public int pid() {
        return process.pid();
    }

    @Override
    public Output next() throws InterruptedException {
        Output output = process.streams().next(this);
        switch (output) {
            case Output.Stdout o -> stdoutOffset = ProcessStreams.endOf(o);
            case Output.Stderr o -> stderrOffset = ProcessStreams.endOf(o);
            default -> {
                return output;
            }
        }
        return output;
    }

    @Override
    public void acknowledge(long stdout, long stderr) {
        process.streams().acknowledge(stdout, stderr);
    }

    @Override
    public void writeStdin(byte[] bytes, int offset, int length) {
        java.util.Objects.checkFromIndexSize(offset, length, bytes.length);
        try {
            if (!process.streams().writeStdin(bytes, offset, length)) {
                throw new EngineException(
                        Code.GONE,
                        "could not write input to process " + processId() + ": it has ended or its input is closed");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException(Code.TIMEOUT, "writing input to process " + processId() + " was interrupted", e);
        }
    }

    @Override
    public void closeStdin() {
        process.streams().closeStdin();
    }

    @Override
    public void signal(int signal, boolean wholeGroup) {
        process.signal(signal);
    }

    @Override
    public void resize(int rows, int columns) {
        // There is no terminal in a WebAssembly Tiny VM, and without one nothing happens.
    }

    @Override
    public void close() {
        lose("the stream was closed");
    }

    void lose(String reason) {
        if (lost == null) {
            lost = new Output.Lost(reason);
        }
        process.streams().wake();
    }

    @Nullable
    Output lost() {
        return lost;
    }

    long stdoutOffset() {
        return stdoutOffset;
    }

    long stderrOffset() {
        return stderrOffset;
    }
}
