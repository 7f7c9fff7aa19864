package dev.tinyvm.manager;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashSet;
import java.util.Set;

/**
 * Which images a manager's records need, whether it is up or not: read from its database, which other processes may do at any time. What is pinned is
 * never removed; what a descriptor names could not be started again without it.
 */
public final class ImagesInUse {
    private ImagesInUse() {}

    /**
     * Pins of all Tiny VMs, also of those that have ended, and the images that they and all agents name.
     *
     * @param managerDirectory the manager's directory, which holds {@code manager.db}
     * @throws ManagerException {@code FAILED} when it cannot be read; then nothing may be removed
     */
    public static Set<String> of(Path managerDirectory) {
        Path file = managerDirectory.resolve("manager.db").toAbsolutePath();
        Set<String> names = new HashSet<>();
        if (Files.notExists(file)) {
            return names;
        }
        try (Connection connection = DriverManager.getConnection(
                        "jdbc:sqlite:file:" + file.toUri().getRawPath() + "?mode=ro");
                Statement statement = connection.createStatement()) {
            if (hasPins(statement)) {
                pins(statement, names);
            }
            descriptors(statement, "SELECT descriptor FROM vms", names);
            descriptors(statement, "SELECT descriptor FROM agents", names);
            return names;
        } catch (SQLException e) {
            throw new ManagerException(
                    ManagerException.Code.FAILED,
                    "could not see in " + file + " which images are in use: " + e.getMessage(),
                    e);
        }
    }

    /** A database of an older version has none until its manager starts. */
    private static boolean hasPins(Statement statement) throws SQLException {
        try (ResultSet columns =
                statement.executeQuery("SELECT 1 FROM pragma_table_info('vms') WHERE name = 'image'")) {
            return columns.next();
        }
    }

    private static void pins(Statement statement, Set<String> into) throws SQLException {
        try (ResultSet rows = statement.executeQuery("SELECT DISTINCT image FROM vms WHERE image <> ''")) {
            while (rows.next()) {
                into.add(rows.getString(1));
            }
        }
    }

    private static void descriptors(Statement statement, String query, Set<String> into) throws SQLException {
        try (ResultSet rows = statement.executeQuery(query)) {
            while (rows.next()) {
                into.add(AgentCodec.decode(rows.getBytes(1)).spec().image());
            }
        }
    }
}
