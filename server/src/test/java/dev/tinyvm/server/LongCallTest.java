package dev.tinyvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.server.ServerFixture.Answer;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class LongCallTest {
    private static final Duration SILENCE = Duration.ofMillis(200);

    @Test
    void writingAndRestoringACheckpointMayTakeLongerThanAConnectionMayBeSilent() {
        ServerSettings settings = new ServerSettings("127.0.0.1", 0, List.of(), SILENCE, Duration.ofSeconds(20));
        try (ServerFixture fixture = new ServerFixture(settings)) {
            String vm = fixture.vm("worker");
            fixture.manager.checkpoints.taking = SILENCE.multipliedBy(5);

            Answer written = fixture.post("/api/v1/vms/" + vm + "/checkpoints", "{\"name\": \"warm\"}");
            Answer restored = fixture.post("/api/v1/checkpoints/warm/restore", "{\"name\": \"copy\"}");

            assertThat(written.status()).as(written.body()).isEqualTo(201);
            assertThat(restored.status()).as(restored.body()).isEqualTo(201);
        }
    }
}
