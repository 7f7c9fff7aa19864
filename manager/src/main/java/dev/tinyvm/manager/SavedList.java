package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.AgentStatus;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.spec.Agent;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** PM2's habit: what should run is written down, and brought back later. The monitor guards the list. */
final class SavedList {
    private static final Logger LOG = LoggerFactory.getLogger(SavedList.class);

    private final Shared shared;
    private final VmBook book;
    private final Agents agents;
    private final Creation creation;
    private List<Saved> saved;

    SavedList(Shared shared, VmBook book, Agents agents, Creation creation) {
        this.shared = shared;
        this.book = book;
        this.agents = agents;
        this.creation = creation;
        this.saved = shared.store()
                .read(
                        "SELECT kind, name, descriptor FROM saved ORDER BY position",
                        row -> new Saved(
                                Kind.valueOf(row.getString(1)), row.getString(2), AgentCodec.decode(row.getBytes(3))));
    }

    synchronized List<String> save() {
        List<Saved> now = new ArrayList<>();
        for (AgentStatus agent : agents.list()) {
            if (!agent.stopped()) {
                now.add(new Saved(Kind.AGENT, agent.agent().metadata().name(), agent.agent()));
            }
        }
        for (TinyVm vm : book.all()) {
            VmRecord record = vm.record();
            if (record.agent().isEmpty()
                    && !record.attached()
                    && !record.state().ended()) {
                now.add(new Saved(Kind.VM, record.name(), record.descriptor()));
            }
        }
        List<Change> changes = new ArrayList<>();
        changes.add(statements -> statements.run("DELETE FROM saved"));
        for (int i = 0; i < now.size(); i++) {
            int position = i;
            Saved one = now.get(i);
            changes.add(statements -> statements.run(
                    "INSERT INTO saved(position, kind, name, descriptor) VALUES (?,?,?,?)",
                    position,
                    one.kind().name(),
                    one.name(),
                    AgentCodec.encode(one.descriptor())));
        }
        shared.store().write(changes);
        saved = now;
        return names(now);
    }

    synchronized List<String> resurrect() {
        List<Saved> brought = new ArrayList<>();
        for (Saved one : saved) {
            try {
                if (one.kind() == Kind.AGENT ? bringAgent(one) : bringVm(one)) {
                    brought.add(one);
                }
            } catch (ManagerException e) {
                LOG.warn("could not bring {} back: {}", one.name(), e.getMessage());
                shared.store()
                        .submitUnwatched(List.of(shared.events()
                                .about(
                                        "",
                                        "resurrect.failed",
                                        one.name() + ": " + e.getMessage(),
                                        java.util.Map.of())));
            }
        }
        return names(brought);
    }

    private boolean bringAgent(Saved one) {
        if (agents.known(one.name())) {
            AgentStatus status = agents.status(one.name());
            boolean runs = !status.stopped()
                    && status.vms().size() >= one.descriptor().spec().replicas()
                    && status.vms().stream().noneMatch(vm -> vm.state().ended());
            if (runs) {
                return false;
            }
            agents.start(one.name());
            return true;
        }
        agents.apply(one.descriptor(), "");
        return true;
    }

    private boolean bringVm(Saved one) {
        TinyVm there = book.find(one.name()).orElse(null);
        if (there == null) {
            Agent agent = new Agent(
                    new dev.tinyvm.spec.Metadata(
                            one.name(), one.descriptor().metadata().labels()),
                    one.descriptor().spec());
            creation.create(CreateRequest.of(agent));
            return true;
        }
        if (!there.record().state().ended()) {
            return false;
        }
        there.start();
        return true;
    }

    private static List<String> names(List<Saved> list) {
        return list.stream().map(Saved::name).toList();
    }

    private enum Kind {
        AGENT,
        VM
    }

    private record Saved(Kind kind, String name, Agent descriptor) {}
}
