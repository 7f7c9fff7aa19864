package dev.tinyvm.manager;

import dev.tinyvm.manager.Checkpoints.CheckpointInfo;
import java.util.List;

/** The table of checkpoints. */
final class CheckpointTable {
    private CheckpointTable() {}

    static Change put(CheckpointInfo checkpoint) {
        return statements -> statements.run(
                "INSERT INTO checkpoints(name, vm, vm_name, descriptor, engine, image, bytes, created_at, owner) VALUES (?,?,?,?,?,?,?,?,?)",
                checkpoint.name(),
                checkpoint.vm(),
                checkpoint.vmName(),
                AgentCodec.encode(checkpoint.descriptor()),
                checkpoint.engine(),
                checkpoint.image(),
                checkpoint.bytes(),
                Micros.of(checkpoint.createdAt()),
                checkpoint.owner());
    }

    static Change delete(String name) {
        return statements -> statements.run("DELETE FROM checkpoints WHERE name = ?", name);
    }

    static List<CheckpointInfo> readAll(Store store) {
        return store.read(
                "SELECT name, vm, vm_name, descriptor, engine, image, bytes, created_at, owner FROM checkpoints",
                row -> new CheckpointInfo(
                        row.getString(1),
                        row.getString(2),
                        row.getString(3),
                        AgentCodec.decode(row.getBytes(4)),
                        row.getString(5),
                        row.getString(6),
                        row.getLong(7),
                        Micros.toInstant(row.getLong(8)),
                        row.getString(9)));
    }
}
