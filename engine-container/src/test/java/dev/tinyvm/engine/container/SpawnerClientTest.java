package dev.tinyvm.engine.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.guestlink.wire.FrameWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SpawnerClientTest {
    private final FakeSpawner spawner = new FakeSpawner();
    private final SpawnerClient client = new SpawnerClient(spawner.socket(), new Ignore());

    @AfterEach
    void close() {
        client.close();
        spawner.close();
    }

    @Test
    void requestsDoNotWaitForEachOtherAndAnswersComeInAnyOrder() throws Exception {
        CompletableFuture<Boolean> slow = asked(() -> client.freeze("slow"));
        FakeSpawner.Request first = spawner.expect(0x05);
        CompletableFuture<Boolean> quick = asked(() -> client.thaw("quick"));
        spawner.expect(0x06).ok();
        assertThat(quick.get(60, TimeUnit.SECONDS)).isTrue();
        assertThat(slow).isNotDone();
        first.ok();
        assertThat(slow.get(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aRequestIsRepeatedWhenTheSpawnerDiesOverIt() throws Exception {
        CompletableFuture<Boolean> destroyed = asked(() -> client.destroy("x"));
        spawner.expect(0x03);
        spawner.dropConnections();
        spawner.expect(0x03).ok();
        assertThat(destroyed.get(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aListMayComeInParts() throws Exception {
        CompletableFuture<List<SpawnerClient.Wall>> list = supplied(client::list);
        FakeSpawner.Request request = spawner.expect(0x09);
        request.ok(new FrameWriter(SpawnerRequest.OK, 0)
                .bool(true)
                .u32(1)
                .str("a")
                .u32(7)
                .u8(1)
                .str("/a")
                .str(""));
        request.ok(new FrameWriter(SpawnerRequest.OK, 0)
                .bool(false)
                .u32(1)
                .str("b")
                .u32(0)
                .u8(3)
                .str("/b")
                .str("crun"));
        assertThat(list.get(60, TimeUnit.SECONDS))
                .extracting(SpawnerClient.Wall::id, SpawnerClient.Wall::state)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("a", SpawnerClient.WallState.RUNNING),
                        org.assertj.core.groups.Tuple.tuple("b", SpawnerClient.WallState.ENDED));
    }

    @Test
    void aRefusalNamesStepAndErrno() throws Exception {
        CompletableFuture<Boolean> resized = asked(() -> client.freeze("x"));
        spawner.expect(0x05).error(16, "freeze", "it is busy");
        assertThatThrownBy(() -> resized.get(60, TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(
                        SpawnerException.class, e -> assertThat(e.sentence()).isEqualTo("it is busy (freeze: EBUSY)"));
    }

    @Test
    void aSpawnerThatAnswersNonsenseIsLeft() throws Exception {
        CompletableFuture<Boolean> destroyed = asked(() -> client.destroy("x"));
        FakeSpawner.Request request = spawner.expect(0x03);
        request.ok(new FrameWriter(SpawnerRequest.OK, 0).u8(1));
        spawner.expect(0x03).ok();
        assertThat(destroyed.get(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void whereNoSpawnerIsTheMessageNamesTheSocket() {
        try (SpawnerClient nobody = new SpawnerClient(Path.of("/tmp/no-such-spawner.sock"), new Ignore())) {
            assertThatThrownBy(nobody::ping)
                    .isInstanceOfSatisfying(
                            EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.UNAVAILABLE))
                    .hasMessageContaining("/tmp/no-such-spawner.sock");
        }
    }

    private static CompletableFuture<Boolean> asked(Runnable request) {
        return supplied(() -> {
            request.run();
            return true;
        });
    }

    private static <T> CompletableFuture<T> supplied(Supplier<T> request) {
        return CompletableFuture.supplyAsync(request, Thread::startVirtualThread);
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
