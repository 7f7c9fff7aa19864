package dev.tinyvm.engine.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.Machine.MachineEnd;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How a machine ends and how creates fail, without walls: spawner and guest say what the test wants. */
class ContainerMachineTest {
    private static final int CREATE = 0x02;
    private static final int DESTROY = 0x03;
    private static final int KILL = 0x04;
    private static final int STATS = 0x08;
    private static final int SUBSCRIBE = 0x0a;
    private static final int KILLED_BY_SIGKILL = 9;

    private final BlockingQueue<SocketChannel> guests = new LinkedBlockingQueue<>();
    private final FakeSpawner spawner = new FakeSpawner();
    private final ContainerEngine engine = new ContainerEngine(spawner.socket());

    @AfterEach
    void close() {
        engine.close();
        spawner.close();
    }

    @Test
    void aGuestThatSpeaksGarbageIsKilledForIt() throws Exception {
        FakeSpawner.Request subscription = spawner.expect(SUBSCRIBE);
        assertThat(subscription.stream()).isPositive();
        Machine machine = machine();
        FakeSpawner.write(guest(), ByteBuffer.wrap(new byte[] {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}));
        FakeSpawner.Request kill = spawner.expect(KILL);
        assertThat(kill.payload().str()).isEqualTo("tiny");
        kill.ok();
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.PROTOCOL_VIOLATION);
        assertThatThrownBy(machine::processes)
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.GONE));
    }

    @Test
    void aGuestThatTheKernelKilledForMemoryIsReportedSo() throws Exception {
        FakeSpawner.Request subscription = spawner.expect(SUBSCRIBE);
        Machine machine = machine();
        FakeSpawner.shut(guest());
        subscription.event(1, "tiny", KILLED_BY_SIGKILL, 1);
        spawner.expect(STATS).error(2, "find", "gone");
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.OOM_KILLED);
    }

    @Test
    void aGuestThatEndsByItselfIsLost() throws Exception {
        FakeSpawner.Request subscription = spawner.expect(SUBSCRIBE);
        Machine machine = machine();
        FakeSpawner.shut(guest());
        subscription.event(1, "tiny", 71 << 8, 0);
        spawner.expect(STATS).error(2, "find", "gone");
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.GUEST_LOST);
        assertThat(end(machine).detail()).contains("exit code 71");
    }

    @Test
    void aKillIsReportedAsRequested() throws Exception {
        FakeSpawner.Request subscription = spawner.expect(SUBSCRIBE);
        Machine machine = machine();
        CompletableFuture<Void> killed = CompletableFuture.runAsync(machine::kill, Thread::startVirtualThread);
        spawner.expect(KILL).ok();
        killed.get(60, TimeUnit.SECONDS);
        FakeSpawner.shut(guest());
        subscription.event(1, "tiny", KILLED_BY_SIGKILL, 0);
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.REQUESTED);
    }

    @Test
    void whenTheGuestHangsUpAtOnceNothingIsLeftBehind() throws Exception {
        Path socket = spawner.brokenGuest("broken");
        CompletableFuture<Machine> creating = create(List.of());
        spawner.expect(CREATE).ok(wall(socket));
        FakeSpawner.Request destroy = spawner.expect(DESTROY);
        assertThat(destroy.payload().str()).isEqualTo("tiny");
        destroy.ok();
        assertThatThrownBy(() -> creating.get(60, TimeUnit.SECONDS)).hasCauseInstanceOf(EngineException.class);
    }

    @Test
    void aSpawnerLostOverACreateIsAskedAgainAfterCleaningUp() throws Exception {
        Path socket = spawner.guest("tiny", channel -> {});
        CompletableFuture<Machine> creating = create(List.of());
        spawner.expect(CREATE);
        spawner.dropConnections();
        spawner.expect(DESTROY).ok();
        spawner.expect(CREATE).ok(wall(socket));
        assertThat(creating.get(60, TimeUnit.SECONDS).hostPid()).isEqualTo(4711);
    }

    @Test
    void refusalsOfACreateSayWhatToDo() throws Exception {
        assertRefused(13, "open-volume", Code.MOUNT, "/srv/data", "volumes.hostPaths");
        assertRefused(28, "make-layer", Code.LIMIT, "disk");
        assertRefused(12, "clone", Code.LIMIT, "memory");
        assertRefused(11, "queue", Code.LIMIT, "room");
        assertRefused(2, "open-image", Code.IMAGE, "host");
        assertRefused(17, "validate-id", Code.INVALID, "another id");
        assertRefused(22, "validate-memory", Code.INVALID, "EINVAL");
        assertRefused(1, "unshare", Code.UNAVAILABLE, "EPERM");
    }

    private void assertRefused(int errno, String step, Code code, String... mentioned) throws Exception {
        CompletableFuture<Machine> creating = create(List.of(new Volume("/srv/data", "/data", true)));
        spawner.expect(CREATE).error(errno, step, "said the spawner");
        assertThatThrownBy(() -> creating.get(60, TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(code))
                .message()
                .contains("tiny", "said the spawner")
                .contains(mentioned);
    }

    private Machine machine() throws Exception {
        Path socket = spawner.guest("tiny", guests::add);
        CompletableFuture<Machine> creating = create(List.of());
        spawner.expect(CREATE).ok(wall(socket));
        return creating.get(60, TimeUnit.SECONDS);
    }

    /** The guest's end of the link. */
    private SocketChannel guest() throws InterruptedException {
        SocketChannel channel = guests.poll(60, TimeUnit.SECONDS);
        if (channel == null) {
            throw new AssertionError("no guest was greeted");
        }
        return channel;
    }

    private CompletableFuture<Machine> create(List<Volume> volumes) {
        MachineSpec spec = new MachineSpec("tiny", "host", Resources.DEFAULT, volumes, "tiny", "user");
        return CompletableFuture.supplyAsync(() -> engine.create(spec), Thread::startVirtualThread);
    }

    private static FrameWriter wall(Path socket) {
        return new FrameWriter(SpawnerRequest.OK, 0).u32(4711).str(socket.toString());
    }

    private static MachineEnd end(Machine machine) throws Exception {
        return machine.ended().get(60, TimeUnit.SECONDS);
    }
}
