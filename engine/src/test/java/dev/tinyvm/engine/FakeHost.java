package dev.tinyvm.engine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A host in memory: what goes on living when a {@link FakeEngine} is closed. A second engine over the same host adopts its machines.
 *
 * <p>Thread safe; its lock guards the list of machines and the prepared failures, and is never held while a test's code runs.
 */
public final class FakeHost {
    private final Map<String, FakeVm> vms = new LinkedHashMap<>();
    private final Deque<EngineException> failures = new ArrayDeque<>();
    private final Map<String, FakeProgram> programs = new ConcurrentHashMap<>(FakePrograms.standard());
    private @Nullable EngineException networkFailure;
    private boolean holdCreates;
    private int created;

    /** Adds a command, or replaces one; found by its last path component. */
    public FakeHost program(String name, FakeProgram program) {
        programs.put(name, program);
        return this;
    }

    /** The next create fails with this; several are used up in order. */
    public synchronized void failNextCreate(EngineException failure) {
        failures.add(failure);
    }

    /** No machine can be given a routed interface from now on; null: each can. */
    public synchronized void failNetworks(@Nullable EngineException failure) {
        networkFailure = failure;
    }

    synchronized @Nullable EngineException networkFailure() {
        return networkFailure;
    }

    /** Creates wait until {@link #releaseCreates}. */
    public synchronized void holdCreates() {
        holdCreates = true;
    }

    public synchronized void releaseCreates() {
        holdCreates = false;
        notifyAll();
    }

    /** The inside of a machine, for a test to prod; fails when there is none. */
    public synchronized FakeVm vm(String id) {
        FakeVm vm = vms.get(id);
        if (vm == null) {
            throw new AssertionError("the fake host has no machine " + id + ", only " + vms.keySet());
        }
        return vm;
    }

    /** Ids of all machines, dead or alive, oldest first. */
    public synchronized List<String> ids() {
        return List.copyOf(vms.keySet());
    }

    /** How many creates have succeeded so far. */
    public synchronized int created() {
        return created;
    }

    FakeVm create(MachineSpec spec) {
        synchronized (this) {
            awaitRelease();
            EngineException failure = failures.poll();
            if (failure != null) {
                throw failure;
            }
            if (vms.containsKey(spec.id())) {
                throw new EngineException(EngineException.Code.INVALID, "there is already a machine " + spec.id());
            }
            FakeVm vm = new FakeVm(this, spec);
            vms.put(spec.id(), vm);
            created++;
            return vm;
        }
    }

    synchronized Optional<FakeVm> find(String id) {
        return Optional.ofNullable(vms.get(id));
    }

    synchronized List<FakeVm> all() {
        return new ArrayList<>(vms.values());
    }

    synchronized void remove(String id) {
        vms.remove(id);
    }

    @Nullable
    FakeProgram lookUp(String command) {
        return programs.get(command.substring(command.lastIndexOf('/') + 1));
    }

    private void awaitRelease() {
        try {
            while (holdCreates) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException(EngineException.Code.TIMEOUT, "the create was interrupted", e);
        }
    }
}
