package dev.tinyvm.manager;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

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
        return by(managerDirectory).keySet();
    }

    /** The same, each with the names of the Tiny VMs that need it, and of agents as {@code agent NAME}. */
    public static SortedMap<String, SortedSet<String>> by(Path managerDirectory) {
        Path file = managerDirectory.resolve("manager.db").toAbsolutePath();
        SortedMap<String, SortedSet<String>> users = new TreeMap<>();
        if (Files.notExists(file)) {
            return users;
        }
        try (Connection connection = DriverManager.getConnection(
                        "jdbc:sqlite:file:" + file.toUri().getRawPath() + "?mode=ro");
                Statement statement = connection.createStatement()) {
            if (hasPins(statement)) {
                images(statement, "SELECT image, name FROM vms WHERE image <> ''", users);
            }
            if (hasCheckpoints(statement)) {
                // Nothing goes on from one without the image that it was taken on.
                images(statement, "SELECT image, 'checkpoint ' || name FROM checkpoints", users);
            }
            descriptors(statement, "SELECT descriptor, name FROM vms", users);
            descriptors(statement, "SELECT descriptor, 'agent ' || name FROM agents", users);
            return users;
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

    private static void images(Statement statement, String query, Map<String, SortedSet<String>> into)
            throws SQLException {
        try (ResultSet rows = statement.executeQuery(query)) {
            while (rows.next()) {
                add(into, rows.getString(1), rows.getString(2));
            }
        }
    }

    private static boolean hasCheckpoints(Statement statement) throws SQLException {
        try (ResultSet tables = statement.executeQuery("SELECT 1 FROM sqlite_master WHERE name = 'checkpoints'")) {
            return tables.next();
        }
    }

    private static void descriptors(Statement statement, String query, Map<String, SortedSet<String>> into)
            throws SQLException {
        try (ResultSet rows = statement.executeQuery(query)) {
            while (rows.next()) {
                add(into, AgentCodec.decode(rows.getBytes(1)).spec().image(), rows.getString(2));
            }
        }
    }

    private static void add(Map<String, SortedSet<String>> into, String image, String user) {
        into.computeIfAbsent(image, none -> new TreeSet<>()).add(user);
    }
}
