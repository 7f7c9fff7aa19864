package dev.tinyvm.manager;

import static dev.tinyvm.manager.Statements.orNull;

import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.VmState;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The table of Tiny VMs. */
final class VmTable {
    private static final String PUT = """
            INSERT OR REPLACE INTO vms(id, creation_order, name, agent, ordinal, attached, created_at, descriptor, tags, deadline_at, deadline_action,
              engine, engine_reason, generation, state, reason, message, started_at, ended_at, exit_code, signal, restarts, ended_run, recent_restarts, made_from, image, owner)
            VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)""";

    private VmTable() {}

    static Change put(VmRecord vm) {
        return statements -> statements.run(
                PUT,
                vm.id(),
                vm.order(),
                vm.name(),
                vm.agent(),
                vm.ordinal(),
                vm.attached(),
                Micros.of(vm.createdAt()),
                AgentCodec.encode(vm.descriptor()),
                AgentCodec.encodeMap(vm.tags()),
                orNull(vm.deadline().map(d -> Micros.of(d.at()))),
                orNull(vm.deadline().map(d -> d.action().name())),
                vm.placement().engine(),
                vm.placement().engineReason(),
                vm.placement().generation(),
                vm.phase().state().name(),
                vm.phase().reason(),
                vm.phase().message(),
                orNull(vm.phase().startedAt().map(Micros::of)),
                orNull(vm.phase().endedAt().map(Micros::of)),
                orNull(vm.phase().exitCode()),
                orNull(vm.phase().signal()),
                vm.history().restarts(),
                vm.history().endedRun(),
                vm.history().recentRestarts().stream()
                        .map(at -> Long.toString(Micros.of(at)))
                        .collect(Collectors.joining(" ")),
                vm.madeFrom(),
                vm.placement().image(),
                vm.owner());
    }

    static Change delete(String id) {
        return statements -> statements.run("DELETE FROM vms WHERE id = ?", id);
    }

    /** In the order of their creation. */
    static List<VmRecord> readAll(Store store) {
        return store.read("SELECT * FROM vms ORDER BY creation_order", VmTable::read);
    }

    private static VmRecord read(ResultSet row) throws SQLException {
        Optional<Instant> deadlineAt = Micros.read(row, "deadline_at");
        Optional<Deadline> deadline = deadlineAt.isEmpty()
                ? Optional.empty()
                : Optional.of(
                        new Deadline(deadlineAt.get(), Deadline.Action.valueOf(row.getString("deadline_action"))));
        return new VmRecord(
                row.getLong("creation_order"),
                row.getString("id"),
                row.getString("name"),
                row.getString("agent"),
                row.getInt("ordinal"),
                row.getBoolean("attached"),
                row.getString("owner"),
                row.getString("made_from"),
                Micros.toInstant(row.getLong("created_at")),
                AgentCodec.decode(row.getBytes("descriptor")),
                AgentCodec.decodeMap(row.getBytes("tags")),
                deadline,
                new VmRecord.Placement(
                        row.getString("engine"),
                        row.getString("engine_reason"),
                        row.getInt("generation"),
                        row.getString("image")),
                new VmRecord.Phase(
                        VmState.valueOf(row.getString("state")),
                        row.getString("reason"),
                        row.getString("message"),
                        Micros.read(row, "started_at"),
                        Micros.read(row, "ended_at"),
                        readInt(row, "exit_code"),
                        readInt(row, "signal")),
                new VmRecord.History(
                        row.getInt("restarts"),
                        row.getString("ended_run"),
                        readTimes(row.getString("recent_restarts"))));
    }

    private static Optional<Integer> readInt(ResultSet row, String column) throws SQLException {
        int value = row.getInt(column);
        return row.wasNull() ? Optional.empty() : Optional.of(value);
    }

    private static List<Instant> readTimes(String text) {
        return text.isEmpty()
                ? List.of()
                : Arrays.stream(text.split(" ", -1))
                        .map(word -> Micros.toInstant(Long.parseLong(word)))
                        .toList();
    }
}
