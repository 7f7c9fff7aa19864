package dev.tinyvm.engine;

import dev.tinyvm.engine.EngineException.Code;
import org.jspecify.annotations.Nullable;

/** One reader's view of a {@link FakeProcess}: where it has read to, and whether it was cut off. */
final class FakeStream implements GuestProcess {
    private final FakeProcess process;
    private volatile long stdoutOffset;
    private volatile long stderrOffset;
    private volatile @Nullable Output last;

    FakeStream(FakeProcess process, long stdoutOffset, long stderrOffset) {
        this.process = process;
        this.stdoutOffset = stdoutOffset;
        this.stderrOffset = stderrOffset;
        process.attach(this);
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
        Output output = process.next(this);
        switch (output) {
            case Output.Stdout o -> stdoutOffset = FakeProcess.endOf(o);
            case Output.Stderr o -> stderrOffset = FakeProcess.endOf(o);
            default -> last = output;
        }
        return output;
    }

    @Override
    public void acknowledge(long stdout, long stderr) {
        process.acknowledge(stdout, stderr);
    }

    @Override
    public void writeStdin(byte[] bytes, int offset, int length) {
        try {
            if (last != null || !process.writeStdin(bytes, offset, length)) {
                throw new EngineException(
                        Code.GONE, "could not write input: the process has ended or closed its input");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException(Code.TIMEOUT, "could not write input: interrupted", e);
        }
    }

    @Override
    public void closeStdin() {
        process.closeStdin();
    }

    @Override
    public void signal(int signal, boolean wholeGroup) {
        process.signal(signal);
    }

    @Override
    public void resize(int rows, int columns) {
        process.resize(rows, columns);
    }

    @Override
    public void close() {
        lose("the stream was closed");
    }

    void lose(String reason) {
        if (last == null) {
            last = new Output.Lost(reason);
        }
        process.wake();
    }

    @Nullable
    Output lost() {
        return last;
    }

    boolean over() {
        return last != null;
    }

    long stdoutOffset() {
        return stdoutOffset;
    }

    long stderrOffset() {
        return stderrOffset;
    }
}
