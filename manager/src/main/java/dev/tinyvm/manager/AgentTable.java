package dev.tinyvm.manager;

import dev.tinyvm.spec.Agent;
import java.time.Instant;
import java.util.List;

/** The table of agents. */
final class AgentTable {
    private AgentTable() {}

    static Change put(AgentRecord agent) {
        return statements -> statements.run(
                "INSERT OR REPLACE INTO agents(name, descriptor, stopped, created_at, owner) VALUES (?,?,?,?,?)",
                agent.name(),
                AgentCodec.encode(agent.descriptor()),
                agent.stopped(),
                Micros.of(agent.createdAt()),
                agent.owner());
    }

    static Change delete(String name) {
        return statements -> statements.run("DELETE FROM agents WHERE name = ?", name);
    }

    static List<AgentRecord> readAll(Store store) {
        return store.read(
                "SELECT descriptor, stopped, created_at, owner FROM agents",
                row -> new AgentRecord(
                        AgentCodec.decode(row.getBytes(1)),
                        row.getBoolean(2),
                        Micros.toInstant(row.getLong(3)),
                        row.getString(4)));
    }

    /** What is stored of one agent. @param stopped by a user @param owner name of the API key of whoever made it */
    record AgentRecord(Agent descriptor, boolean stopped, Instant createdAt, String owner) {
        String name() {
            return descriptor.metadata().name();
        }
    }
}
