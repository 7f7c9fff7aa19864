package dev.tinyvm.ledger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Writes batches, each in one transaction and once. Only the writer's thread. */
final class BatchWriter {
    /** What a line of a model has; a line of a machine has the others. */
    private static final List<Measure> LLM = List.of(
            Measure.REQUESTS,
            Measure.INPUT_TOKENS,
            Measure.CACHED_INPUT_TOKENS,
            Measure.OUTPUT_TOKENS,
            Measure.LLM_NANO_USD);

    private static final List<Measure> MACHINE = Arrays.stream(Measure.values())
            .filter(measure -> !LLM.contains(measure))
            .toList();

    private final Connection writing;
    private final PreparedStatement insertMachineUse;
    private final PreparedStatement insertLlmUse;
    private final PreparedStatement insertAccount;
    private final PreparedStatement updateAccount;
    private final PreparedStatement progress;
    private final PreparedStatement putEpoch;
    private final PreparedStatement putCall;
    private final PreparedStatement removeCall;

    BatchWriter(Connection writing) throws SQLException {
        this.writing = writing;
        insertMachineUse = writing.prepareStatement(insert(MACHINE));
        insertLlmUse = writing.prepareStatement(insert(LLM));
        insertAccount = writing.prepareStatement(
                "INSERT INTO account(" + LedgerDatabase.ACCOUNT + ") VALUES (?" + ",?".repeat(16) + ")");
        updateAccount = writing.prepareStatement(
                "UPDATE account SET generation = ?, mode = ?, at_ms = ?, cpu_micros = ?, memory_bytes = ?,"
                        + " requests = ?, tokens = ?, llm_nano = ?, total_nano = ?, routed_bytes = ? WHERE id = ?");
        progress = writing.prepareStatement(
                "UPDATE progress SET batch = ?, heartbeat_ms = MAX(heartbeat_ms, ?) WHERE batch < ?");
        putEpoch = writing.prepareStatement("INSERT OR REPLACE INTO epoch(scope, at_ms, first_account) VALUES (?,?,?)");
        putCall = writing.prepareStatement(
                "INSERT OR REPLACE INTO call(number, account, model, at_ms, input_tokens, cached_tokens, output_tokens, llm_nano) VALUES (?,?,?,?,?,?,?,?)");
        removeCall = writing.prepareStatement("DELETE FROM call WHERE number = ?");
    }

    /** One transaction. Only the writer's thread. */
    void write(Batch batch) throws SQLException {
        try {
            progress.setLong(1, batch.number());
            progress.setLong(2, batch.heartbeatMillis());
            progress.setLong(3, batch.number());
            if (progress.executeUpdate() == 0) {
                // A commit that failed had reached the disk after all.
                writing.rollback();
                return;
            }
            for (StoredAccount account : batch.accounts()) {
                add(account);
            }
            insertAccount.executeBatch();
            updateAccount.executeBatch();
            for (UsageRow row : batch.rows()) {
                if (row.model().isEmpty()) {
                    add(insertMachineUse, row, MACHINE);
                } else {
                    add(insertLlmUse, row, LLM);
                }
            }
            insertMachineUse.executeBatch();
            insertLlmUse.executeBatch();
            for (Batch.Epoch epoch : batch.epochs()) {
                putEpoch.setString(1, epoch.scope());
                putEpoch.setLong(2, epoch.atMillis());
                putEpoch.setLong(3, epoch.firstAccount());
                putEpoch.executeUpdate();
            }
            for (StoredCall call : batch.calls()) {
                add(call);
            }
            putCall.executeBatch();
            for (long number : batch.callsOver()) {
                removeCall.setLong(1, number);
                removeCall.addBatch();
            }
            removeCall.executeBatch();
            writing.commit();
        } catch (SQLException | RuntimeException e) {
            for (PreparedStatement statement :
                    List.of(insertAccount, updateAccount, insertMachineUse, insertLlmUse, putCall, removeCall)) {
                statement.clearBatch();
            }
            writing.rollback();
            throw e;
        }
    }

    private static String insert(List<Measure> measures) {
        return "INSERT INTO usage(account, model, from_ms, to_ms, "
                + measures.stream().map(Measure::column).collect(Collectors.joining(", ")) + ") VALUES (?,?,?,?"
                + ",?".repeat(measures.size()) + ")";
    }

    private static void add(PreparedStatement statement, UsageRow row, List<Measure> measures) throws SQLException {
        statement.setLong(1, row.account());
        statement.setString(2, row.model());
        statement.setLong(3, row.fromMillis());
        statement.setLong(4, row.toMillis());
        int at = 5;
        for (Measure measure : measures) {
            statement.setLong(at++, row.amounts().get(measure));
        }
        statement.addBatch();
    }

    private void add(StoredCall call) throws SQLException {
        putCall.setLong(1, call.number());
        putCall.setLong(2, call.account());
        putCall.setString(3, call.model());
        putCall.setLong(4, call.atMillis());
        putCall.setLong(5, call.use().inputTokens());
        putCall.setLong(6, call.use().cachedInputTokens());
        putCall.setLong(7, call.use().outputTokens());
        putCall.setLong(8, call.use().nanoUsd());
        putCall.addBatch();
    }

    private void add(StoredAccount stored) throws SQLException {
        PreparedStatement statement = stored.fresh() ? insertAccount : updateAccount;
        int at = 1;
        if (stored.fresh()) {
            statement.setLong(at++, stored.id());
            statement.setString(at++, stored.account().vm());
            statement.setString(at++, stored.account().vmName());
            statement.setString(at++, stored.account().agent());
            statement.setString(at++, Labels.encode(stored.account().labels()));
            statement.setString(at++, stored.account().key());
            statement.setLong(at++, stored.createdMillis());
        }
        Optional<Position> position = stored.position();
        if (position.isPresent()) {
            statement.setInt(at++, position.get().generation());
            statement.setInt(at++, position.get().mode().index());
            statement.setLong(at++, position.get().atMillis());
            statement.setLong(at++, position.get().cpuMicros());
            statement.setLong(at++, position.get().memoryBytes());
        } else {
            for (int i = 0; i < 5; i++) {
                statement.setNull(at++, Types.INTEGER);
            }
        }
        statement.setLong(at++, stored.spent().requests());
        statement.setLong(at++, stored.spent().tokens());
        statement.setLong(at++, stored.spent().llmNanoUsd());
        statement.setLong(at++, stored.spent().nanoUsd());
        statement.setLong(at++, position.map(Position::routedBytes).orElse(0L));
        if (!stored.fresh()) {
            statement.setLong(at, stored.id());
        }
        statement.addBatch();
    }
}
