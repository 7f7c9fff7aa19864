package dev.tinyvm.manager;

import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.manager.VmActivity.Hold;
import java.util.concurrent.ConcurrentMap;

/** A command whose stream a caller holds; known under its number until it ended or was let go, so that others can signal it, and its Tiny VM is not frozen meanwhile. */
final class OpenProcess implements GuestProcess {
    private final GuestProcess process;
    private final ConcurrentMap<Integer, GuestProcess> open;
    private final Hold hold;

    /** @param open where it is listed while its stream is held @param hold closed then */
    OpenProcess(GuestProcess process, ConcurrentMap<Integer, GuestProcess> open, Hold hold) {
        this.process = process;
        this.open = open;
        this.hold = hold;
        open.put(process.processId(), process);
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
        Output output = process.next();
        if (output instanceof Output.Exited || output instanceof Output.Lost) {
            open.remove(process.processId(), process);
            hold.close();
        }
        return output;
    }

    @Override
    public void acknowledge(long stdoutOffset, long stderrOffset) {
        process.acknowledge(stdoutOffset, stderrOffset);
    }

    @Override
    public void writeStdin(byte[] bytes, int offset, int length) {
        process.writeStdin(bytes, offset, length);
    }

    @Override
    public void closeStdin() {
        process.closeStdin();
    }

    @Override
    public void signal(int signal, boolean wholeGroup) {
        process.signal(signal, wholeGroup);
    }

    @Override
    public void resize(int rows, int columns) {
        process.resize(rows, columns);
    }

    @Override
    public void close() {
        open.remove(process.processId(), process);
        process.close();
        hold.close();
    }
}
