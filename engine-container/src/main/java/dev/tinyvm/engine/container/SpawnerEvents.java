package dev.tinyvm.engine.container;

/** What the spawner says unasked. Called on the connection's reader thread; must not block. */
interface SpawnerEvents {
    /** A wall's first process ended. @param waitStatus as wait(2) says it, −1 unknown */
    void ended(String id, int waitStatus, long oomKills);

    /** The kernel killed a process inside for want of memory. */
    void outOfMemory(String id, long oomKills);

    /** There is a new connection; events may have been missed. */
    void reconnected();
}
