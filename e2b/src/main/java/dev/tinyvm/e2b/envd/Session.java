package dev.tinyvm.e2b.envd;

import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.ManagerException;
import java.io.IOException;
import java.time.Instant;

/**
 * What envd would keep in its memory for one sandbox: who works there, which commands were started through it, who watches.
 *
 * @param sandboxId the VM's id
 */
record Session(String sandboxId, Manager manager, Users users, Processes processes, Watchers watchers) {
    /** @param before commands that were started earlier are those of an earlier manager */
    Session(String sandboxId, Manager manager, Instant before) {
        this(sandboxId, manager, new Users(), new Processes(manager, sandboxId, before), new Watchers());
    }

    GuestFiles files() {
        return manager.files(sandboxId);
    }

    Users.User user(String name) {
        return users.find(files(), name);
    }

    /** @throws IOException the sandbox has ended: what is being answered must break off */
    void requireAlive() throws IOException {
        try {
            if (!manager.vm(sandboxId).state().ended()) {
                return;
            }
        } catch (ManagerException e) {
            if (e.code() != ManagerException.Code.NOT_FOUND && e.code() != ManagerException.Code.GONE) {
                throw e;
            }
        }
        throw new IOException("the sandbox ended");
    }

    void close() {
        processes.close();
        watchers.close();
    }
}
