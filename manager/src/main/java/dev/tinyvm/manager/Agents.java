package dev.tinyvm.manager;

import dev.tinyvm.manager.AgentTable.AgentRecord;
import dev.tinyvm.manager.Manager.AgentStatus;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Agent;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Agents: descriptors that are kept running with a number of replicas. What an agent shall be is stored first; then its replicas are
 * brought there in turns of that agent, which begin again from the stored state whenever something changes. So a manager that died half-way goes on.
 */
final class Agents {
    private static final Logger LOG = LoggerFactory.getLogger(Agents.class);
    /** More at once would only wait for each other in the kernel. */
    private static final int STARTS_AT_ONCE = 16;

    private final Shared shared;
    private final VmBook book;
    private final Creation creation;
    private final ConcurrentMap<String, AgentRecord> agents = new ConcurrentHashMap<>();
    private final Map<String, Turns> turns = new HashMap<>();
    private final Semaphore starts = new Semaphore(STARTS_AT_ONCE);
    private volatile boolean closed;

    Agents(Shared shared, VmBook book, Creation creation) {
        this.shared = shared;
        this.book = book;
        this.creation = creation;
    }

    void load(List<AgentRecord> stored) {
        stored.forEach(a -> agents.put(a.name(), a));
    }

    /** After recovery: goes on with what was left half-way. */
    void reconcileAll() {
        agents.keySet().forEach(this::reconcileLater);
    }

    AgentStatus apply(Agent agent, String owner) {
        creation.checkAgent(agent);
        String name = agent.metadata().name();
        book.find(name).filter(vm -> vm.record().agent().isEmpty()).ifPresent(vm -> {
            throw new ManagerException(
                    Code.CONFLICT, "there is already a Tiny VM " + name + "; choose another name, or remove it first");
        });
        turnsOf(name).call(() -> {
            AgentRecord old = agents.get(name);
            put(
                    new AgentRecord(
                            agent,
                            false,
                            old == null ? Micros.exact(shared.timing().now()) : old.createdAt(),
                            old == null ? owner : old.owner()),
                    old == null ? "agent.created" : "agent.changed");
            addMissing(name);
            startEnded(name);
            return true;
        });
        reconcileLater(name);
        return status(name);
    }

    List<AgentStatus> list() {
        return new TreeMap<>(agents)
                .keySet().stream().flatMap(name -> find(name).stream()).toList();
    }

    AgentStatus status(String name) {
        return find(name).orElseThrow(() -> notFound(name));
    }

    AgentStatus scale(String name, int replicas) {
        if (replicas < 0 || replicas > 10_000) {
            throw new ManagerException(Code.INVALID, replicas + " replicas; allowed are 0 to 10000");
        }
        turnsOf(name).call(() -> {
            AgentRecord old = require(name);
            Agent agent = new Agent(
                    old.descriptor().metadata(), old.descriptor().spec().withReplicas(replicas));
            put(new AgentRecord(agent, old.stopped(), old.createdAt(), old.owner()), "agent.scaled");
            removeSurplus(name);
            addMissing(name);
            return true;
        });
        return status(name);
    }

    AgentStatus stop(String name) {
        turnsOf(name).call(() -> {
            AgentRecord old = require(name);
            put(new AgentRecord(old.descriptor(), true, old.createdAt(), old.owner()), "agent.stopped");
            each(book.replicas(name), vm -> vm.stop(Ending.STOPPED_BY_USER));
            return true;
        });
        return status(name);
    }

    AgentStatus start(String name) {
        turnsOf(name).call(() -> {
            AgentRecord old = require(name);
            put(new AgentRecord(old.descriptor(), false, old.createdAt(), old.owner()), "agent.started");
            addMissing(name);
            startEnded(name);
            return true;
        });
        reconcileLater(name);
        return status(name);
    }

    AgentStatus restart(String name) {
        turnsOf(name).call(() -> {
            AgentRecord old = require(name);
            put(new AgentRecord(old.descriptor(), false, old.createdAt(), old.owner()), "agent.restarted");
            each(book.replicas(name), vm -> {
                vm.stop(Ending.STOPPED_BY_USER);
                vm.start();
            });
            addMissing(name);
            return true;
        });
        return status(name);
    }

    void remove(String name) {
        turnsOf(name).call(() -> {
            AgentRecord old = require(name);
            // Gone for whoever asks, and stored so, before its replicas go: the next manager would remove the rest.
            agents.remove(name);
            try {
                shared.store()
                        .write(List.of(
                                AgentTable.delete(name), shared.events().about(name, "agent.removed", "", Map.of())));
            } catch (RuntimeException e) {
                agents.put(name, old);
                throw e;
            }
            each(book.replicas(name), vm -> vm.remove("vm.removed", "its agent was removed"));
            shared.metering().ledger().forgetAgent(name);
            return true;
        });
    }

    /** A replica was removed by itself: another one takes its place. */
    void replicaRemoved(String name) {
        if (agents.containsKey(name)) {
            reconcileLater(name);
        }
    }

    boolean known(String name) {
        return agents.containsKey(name);
    }

    void close() {
        closed = true;
        synchronized (turns) {
            turns.values().forEach(Turns::close);
        }
    }

    private void reconcileLater(String name) {
        turnsOf(name).post(() -> {
            try {
                if (agents.containsKey(name)) {
                    removeSurplus(name);
                    addMissing(name);
                    replaceChanged(name);
                }
            } catch (RuntimeException e) {
                if (!closed) {
                    LOG.warn("could not bring agent {} to what it shall be: {}", name, e.getMessage());
                    shared.store()
                            .submitUnwatched(List.of(shared.events()
                                    .about(name, "agent.trouble", String.valueOf(e.getMessage()), Map.of())));
                }
            }
        });
    }

    private void addMissing(String name) {
        AgentRecord agent = agents.get(name);
        if (agent == null || agent.stopped()) {
            return;
        }
        List<TinyVm> made = new ArrayList<>();
        for (int ordinal = 0; ordinal < agent.descriptor().spec().replicas(); ordinal++) {
            if (book.find(name + "-" + ordinal).isEmpty()) {
                made.add(creation.createReplica(agent.descriptor(), ordinal, agent.owner()));
            }
        }
        each(made, TinyVm::enter);
    }

    /** Those with the highest numbers go. */
    private void removeSurplus(String name) {
        AgentRecord agent = agents.get(name);
        if (agent != null) {
            List<TinyVm> surplus = book.replicas(name).stream()
                    .filter(vm ->
                            vm.record().ordinal() >= agent.descriptor().spec().replicas())
                    .toList();
            each(surplus.reversed(), vm -> {
                vm.stop(Ending.STOPPED_BY_USER);
                vm.remove("vm.removed", "its agent was scaled down");
            });
        }
    }

    private void startEnded(String name) {
        AgentRecord agent = agents.get(name);
        if (agent != null) {
            each(
                    book.replicas(name).stream()
                            .filter(vm -> vm.record().state().ended() && !differs(agent, vm))
                            .toList(),
                    TinyVm::start);
        }
    }

    /** One after another, so that the others serve meanwhile. */
    private void replaceChanged(String name) {
        for (TinyVm vm : book.replicas(name)) {
            AgentRecord agent = agents.get(name);
            if (agent == null || closed) {
                return;
            }
            if (!differs(agent, vm)) {
                continue;
            }
            vm.stop(Ending.STOPPED_BY_USER);
            vm.remove("vm.replaced", "its agent has changed");
            book.remove(vm);
            TinyVm next = creation.createReplica(agent.descriptor(), vm.record().ordinal(), agent.owner());
            if (agent.stopped()) {
                continue;
            }
            next.enter();
        }
    }

    /** A live resize is the user's wish for one replica: it stays until the agent's descriptor changes. */
    private static boolean differs(AgentRecord agent, TinyVm vm) {
        Agent shall = new Agent(
                agent.descriptor().metadata(), agent.descriptor().spec().withReplicas(1));
        return !AgentCodec.fingerprint(shall).equals(vm.record().madeFrom());
    }

    private void each(List<TinyVm> vms, Consumer<TinyVm> action) {
        List<Thread> threads = new ArrayList<>();
        for (TinyVm vm : vms) {
            starts.acquireUninterruptibly();
            threads.add(Thread.ofVirtual().name(vm.id() + "-agent").start(() -> {
                try {
                    action.accept(vm);
                } catch (ManagerException e) {
                    if (!vm.gone() && !closed) {
                        LOG.warn("{}: {}", vm.record().name(), e.getMessage());
                    }
                } finally {
                    starts.release();
                }
            }));
        }
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private void put(AgentRecord agent, String event) {
        shared.store().write(List.of(AgentTable.put(agent), shared.events().about(agent.name(), event, "", Map.of())));
        agents.put(agent.name(), agent);
    }

    private Optional<AgentStatus> find(String name) {
        AgentRecord agent = agents.get(name);
        return agent == null
                ? Optional.empty()
                : Optional.of(new AgentStatus(
                        agent.descriptor(),
                        agent.stopped(),
                        agent.createdAt(),
                        book.replicas(name).stream().map(TinyVm::status).toList()));
    }

    private AgentRecord require(String name) {
        AgentRecord agent = agents.get(name);
        if (agent == null) {
            throw notFound(name);
        }
        return agent;
    }

    private static ManagerException notFound(String name) {
        return new ManagerException(Code.NOT_FOUND, "there is no agent " + name + "; `tinyvm ps` lists them");
    }

    private Turns turnsOf(String name) {
        synchronized (turns) {
            return turns.computeIfAbsent(name, n -> new Turns("agent-" + n));
        }
    }
}
