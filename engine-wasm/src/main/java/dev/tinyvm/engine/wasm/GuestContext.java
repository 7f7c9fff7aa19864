package dev.tinyvm.engine.wasm;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What one run of a program has to do with. Its own thread uses it. */
final class GuestContext implements AutoCloseable {
    private final WasmProcess process;
    private final WasmMachine machine;
    private final List<String> arguments;
    private final Map<String, String> environment;
    private final int uid;
    private final DescriptorTable descriptors;
    private final java.util.ArrayList<GuestMemory> memories = new java.util.ArrayList<>();
    private final long startNanos = System.nanoTime();
    private @Nullable GuestWeb web;
    private byte @Nullable [] keptAnswer;
    private byte @Nullable [] start;
    private @Nullable SnapshotRequest snapshot;

    GuestContext(
            WasmProcess process,
            WasmMachine machine,
            List<String> arguments,
            Map<String, String> environment,
            int uid) {
        this.process = process;
        this.machine = machine;
        this.arguments = arguments;
        this.environment = environment;
        this.uid = uid;
        this.descriptors = new DescriptorTable(machine.tree());
    }

    WasmProcess process() {
        return process;
    }

    WasmMachine machine() {
        return machine;
    }

    FileTree tree() {
        return machine.tree();
    }

    List<String> arguments() {
        return arguments;
    }

    Map<String, String> environment() {
        return environment;
    }

    int uid() {
        return uid;
    }

    DescriptorTable descriptors() {
        return descriptors;
    }

    /** Its way to the machine's loopback and, through the proxy there, beyond. */
    GuestWeb web() {
        GuestWeb known = web;
        if (known == null) {
            known = new GuestWeb(machine.ports()::connect, machine.tls(), environment);
            web = known;
            process.watch(known);
        }
        return known;
    }

    /** What a runtime of the engine's own is told when it goes on from a snapshot. */
    void startWith(byte[] content) {
        start = content;
    }

    byte @Nullable [] start() {
        return start;
    }

    /** From now on it can ask for its snapshot. */
    SnapshotRequest takeSnapshot() {
        SnapshotRequest request = new SnapshotRequest();
        snapshot = request;
        return request;
    }

    /** Null in all but the engine's own set-ups. */
    @Nullable
    SnapshotRequest snapshot() {
        return snapshot;
    }

    /** Keeps an answer for which the guest had no room, on its account. @return false without memory for it */
    boolean keepAnswer(byte[] answer) {
        dropAnswer();
        if (!machine.memory().take(answer.length)) {
            return false;
        }
        keptAnswer = answer;
        return true;
    }

    byte @Nullable [] keptAnswer() {
        return keptAnswer;
    }

    void dropAnswer() {
        if (keptAnswer != null) {
            machine.memory().giveBack(keptAnswer.length);
            keptAnswer = null;
        }
    }

    long startNanos() {
        return startNanos;
    }

    /** The module's only memory, or its first. */
    GuestMemory memory() {
        if (memories.isEmpty()) {
            throw new GuestStop.Trap(6, "the module has no memory to pass data in");
        }
        return memories.getFirst();
    }

    /** @param blocks what it holds at first, see {@link GuestMemory} */
    GuestMemory addMemory(run.endive.wasm.types.MemoryLimits limits, byte[][] blocks) {
        GuestMemory memory = new GuestMemory(limits, blocks, machine.memory());
        memories.add(memory);
        return memory;
    }

    /** Whether any memory wanted more than the limit. */
    boolean memoryWasRefused() {
        return memories.stream().anyMatch(GuestMemory::wasRefused);
    }

    /** The value of a variable; null when it is not set. */
    @Nullable
    String variable(String name) {
        return environment.get(name);
    }

    long memoryBytes() {
        return memories.stream()
                .mapToLong(m -> (long) m.pages() * run.endive.runtime.Memory.PAGE_SIZE)
                .sum();
    }

    @Override
    public void close() {
        if (web != null) {
            web.abort();
        }
        dropAnswer();
        descriptors.close();
        memories.forEach(GuestMemory::close);
        memories.clear();
    }
}
