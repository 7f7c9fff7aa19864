package dev.tinyvm.cli;

import dev.tinyvm.spec.AgentSpec;
import java.nio.file.Path;
import java.util.Optional;

/** Makes a manager for one command alone, when none runs. */
public interface PrivateManagers {
    /**
     * Starts one.
     *
     * @param spec of the Tiny VM that it is for: what runs without root needs none
     * @param configuration named on the command line; empty: the usual file, if it is there
     * @throws CliException when this host or this user cannot run one; the message says what to do
     */
    PrivateManager start(Shell shell, AgentSpec spec, Optional<Path> configuration) throws Exception;

    /** A manager of one's own. Closing it removes everything that it made. */
    interface PrivateManager extends AutoCloseable {
        ManagerConnection.Address address();

        @Override
        void close();
    }
}
