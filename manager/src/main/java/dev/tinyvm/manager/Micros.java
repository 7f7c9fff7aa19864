package dev.tinyvm.manager;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/** Times as the database and the logs hold them: microseconds since 1970. */
final class Micros {
    private Micros() {}

    static long of(Instant at) {
        return Math.addExact(Math.multiplyExact(at.getEpochSecond(), 1_000_000L), at.getNano() / 1_000);
    }

    static Instant toInstant(long micros) {
        return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
    }

    /** What a record holds, so that it equals what comes back from disk. */
    static Instant exact(Instant at) {
        return at.truncatedTo(ChronoUnit.MICROS);
    }

    static Optional<Instant> read(ResultSet row, String column) throws SQLException {
        long micros = row.getLong(column);
        return row.wasNull() ? Optional.empty() : Optional.of(toInstant(micros));
    }
}
