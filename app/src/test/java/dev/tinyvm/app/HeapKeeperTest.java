package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HeapKeeperTest {
    private static final long MIB = 1L << 20;

    @Test
    void garbageIsCollectedOnceItOutweighsWhatIsLive() {
        assertThat(HeapKeeper.isWorthwhile(0, HeapKeeper.LEAST_BYTES)).isFalse();
        assertThat(HeapKeeper.isWorthwhile(0, HeapKeeper.LEAST_BYTES + 1)).isTrue();
        assertThat(HeapKeeper.isWorthwhile(200 * MIB, 400 * MIB)).isFalse();
        assertThat(HeapKeeper.isWorthwhile(200 * MIB, 400 * MIB + 1)).isTrue();
    }
}
