package dev.tinyvm.engine.container;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SpawnerClientTest {
    @Test
    void nothing() {
        assertThat(1).isEqualTo(1);
    }

    /** Hears nothing. */
    static final class Ignore implements SpawnerEvents {
        @Override
        public void ended(String id, int waitStatus, long oomKills) {}

        @Override
        public void outOfMemory(String id, long oomKills) {}

        @Override
        public void reconnected() {}
    }
}
