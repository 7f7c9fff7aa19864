package dev.tinyvm.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * An {@link Engine} in memory, for tests that need no wall and no root. It keeps the promises of {@link EngineContract}.
 *
 * <p>Commands are {@link FakePrograms}. As with the real guest, a process blocks once 256 KiB of its output are not acknowledged, so
 * callers must {@link GuestProcess#acknowledge} what they have taken.
 */
public final class FakeEngine implements Engine {
    private final FakeHost host;
    private final EngineKind kind;
    private volatile Availability availability = new Availability.Available("in memory");
    private volatile boolean closed;
    private final List<FakeMachine> machines = new ArrayList<>();

    public FakeEngine(FakeHost host) {
        this(host, EngineKind.CONTAINER);
    }

    public FakeEngine(FakeHost host, EngineKind kind) {
        this.host = host;
        this.kind = kind;
    }

    /** What {@link #availability} answers from now on; {@code create} fails with {@code UNAVAILABLE} when it is missing. */
    public void setAvailability(Availability availability) {
        this.availability = availability;
    }

    @Override
    public EngineKind kind() {
        return kind;
    }

    @Override
    public Availability availability() {
        return availability;
    }

    @Override
    public Machine create(MachineSpec spec) {
        requireOpen();
        if (availability instanceof Availability.Missing missing) {
            throw new EngineException(EngineException.Code.UNAVAILABLE, missing.reason() + "; " + missing.remedy());
        }
        return view(host.create(spec));
    }

    @Override
    public Adoption adopt(List<String> wanted) {
        requireOpen();
        List<Machine> adopted = new ArrayList<>();
        List<String> ended = new ArrayList<>();
        List<String> removed = new ArrayList<>();
        Map<String, Long> counters = new HashMap<>();
        for (FakeVm vm : host.all()) {
            counters.put(vm.id(), vm.stats().cpuMicros());
            if (!wanted.contains(vm.id())) {
                vm.destroy();
                removed.add(vm.id());
            } else if (vm.ended().isDone()) {
                vm.destroy();
                ended.add(vm.id());
            } else {
                adopted.add(view(vm));
            }
        }
        adopted.forEach(machine -> counters.remove(machine.id()));
        return new Adoption(adopted, ended, removed, counters);
    }

    @Override
    public List<String> machines() {
        requireOpen();
        return host.ids();
    }

    @Override
    public void destroy(String id) {
        requireOpen();
        host.find(id).ifPresent(FakeVm::destroy);
    }

    /** Cuts its machines' streams off; the machines go on in the {@link FakeHost}. */
    @Override
    public void close() {
        List<FakeMachine> cut;
        synchronized (machines) {
            closed = true;
            cut = List.copyOf(machines);
            machines.clear();
        }
        cut.forEach(FakeMachine::cutOff);
    }

    private Machine view(FakeVm vm) {
        FakeMachine machine = new FakeMachine(vm);
        synchronized (machines) {
            requireOpen();
            machines.add(machine);
        }
        CompletableFuture<Void> _ = vm.ended().thenRun(() -> {
            synchronized (machines) {
                machines.remove(machine);
            }
        });
        return machine;
    }

    private void requireOpen() {
        if (closed) {
            throw new EngineException(EngineException.Code.GONE, "this engine has been closed");
        }
    }
}
