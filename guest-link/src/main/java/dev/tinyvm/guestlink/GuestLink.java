package dev.tinyvm.guestlink;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.guestlink.wire.GuestMessage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The host's end of one guest's link: everything that a wall with this guest offers inside. Any thread; methods block.
 *
 * <p>While {@link #setFrozen frozen}, new requests are refused with {@code INVALID}; requests that were already under way wait without a
 * deadline, and open streams stand still. A guest that breaks the protocol ends the link with {@link LinkEnd.Kind#PROTOCOL}; whoever owns
 * the machine must kill it then.
 */
public final class GuestLink implements AutoCloseable {
    private final Multiplexer streams;
    private final LinkFiles files;

    private GuestLink(Multiplexer streams) {
        this.streams = streams;
        this.files = new LinkFiles(this);
    }

    /**
     * Connects to a guest's socket and shakes hands.
     *
     * @param loop reads this link
     * @param socket the guest's Unix socket; may come into being while this waits
     * @param machine how messages name the machine
     * @param frozen whether the machine is frozen now: the handshake is then completed when it is thawed
     * @throws EngineException {@code TIMEOUT} no answer in 10 s, {@code PROTOCOL} a wrong one, {@code GONE} the guest hung up
     */
    public static GuestLink connect(LinkLoop loop, Path socket, String machine, boolean frozen) {
        Multiplexer streams = Multiplexer.connect(loop, socket, machine);
        GuestLink link = new GuestLink(streams);
        streams.setFrozen(frozen);
        streams.start();
        if (!frozen) {
            try {
                streams.awaitWelcome();
            } catch (EngineException e) {
                link.close();
                throw e;
            }
        }
        return link;
    }

    /** Starts a command; failures as in {@link dev.tinyvm.engine.Machine#exec}. */
    public GuestProcess exec(ExecRequest request) {
        String program = request.command().isEmpty()
                ? "a command"
                : ProcessStream.shorten(request.command().getFirst());
        boolean hasInput = request.stdin() || request.terminal().isPresent();
        return open(new ProcessStream(this, "start " + program, 0, 0, hasInput), () -> ProcessStream.exec(request))
                .awaitStarted();
    }

    /** Takes up a process's stream. */
    public GuestProcess attach(int processId, long stdoutOffset, long stderrOffset) {
        String attempt = "attach to process " + processId;
        return open(
                        new ProcessStream(this, attempt, stdoutOffset, stderrOffset, true),
                        () -> GuestMessage.ATTACH
                                .frame(0)
                                .u32(processId)
                                .u64(stdoutOffset)
                                .u64(stderrOffset))
                .awaitStarted();
    }

    /** Everything started by EXEC that runs or was not forgotten. */
    public List<ProcessInfo> processes() {
        ProcessListStream list = open(new ProcessListStream(this), () -> GuestMessage.LIST.frame(0));
        return await(list.answer(), LinkLimits.ANSWER, list);
    }

    /** Drops the record of an ended process. */
    public void forget(int processId) {
        call("forget process " + processId, GuestMessage.FORGET.frame(0).u32(processId));
    }

    public GuestFiles files() {
        return files;
    }

    /** Connects to 127.0.0.1:port inside. */
    public GuestConnection dial(int port) {
        requirePort(port);
        ConnectionStream stream = open(
                new ConnectionStream(this, "connect to port " + port),
                () -> GuestMessage.DIAL.frame(0).u16(port));
        await(stream.opened(), LinkLimits.ANSWER, stream);
        return stream;
    }

    /** Listens on 127.0.0.1:port inside; closing the result unbinds. Connections that are open stay. */
    public AutoCloseable listen(int port, Consumer<GuestConnection> handler) {
        requirePort(port);
        ListenStream stream = open(
                new ListenStream(this, "listen on port " + port, handler),
                () -> GuestMessage.LISTEN.frame(0).u16(port));
        await(stream.listening(), LinkLimits.ANSWER, stream);
        return stream;
    }

    /** Answers datagrams that processes inside send to UDP 127.0.0.1:port; closing the result unbinds. */
    public AutoCloseable answerDatagrams(int port, Function<byte[], Optional<byte[]>> answering) {
        requirePort(port);
        // The window that a stream begins with is known from WELCOME on.
        streams.awaitWelcome();
        DatagramStream stream = open(
                new DatagramStream(this, "take datagrams of port " + port, answering),
                () -> GuestMessage.DATAGRAMS.frame(0).u16(port));
        await(stream.listening(), LinkLimits.ANSWER, stream);
        return stream;
    }

    /** The guest's own figures. */
    public GuestStatistics statistics() {
        CallStream<GuestStatistics> call = new CallStream<>(
                this,
                "read statistics",
                GuestMessage.STATISTICS,
                payload ->
                        new GuestStatistics(payload.u63(), payload.u32(), payload.u63(), payload.u63(), payload.u63()));
        open(call, () -> GuestMessage.STATS.frame(0));
        return await(call.answer(), LinkLimits.ANSWER, call);
    }

    /**
     * SIGTERM to every process, SIGKILL after the grace, then the guest ends. Returns once it is done or the guest has gone.
     *
     * @throws EngineException {@code TIMEOUT} when the guest does neither
     */
    public void shutdown(Duration grace) {
        CallStream<Boolean> call = new CallStream<>(this, "shut down", GuestMessage.DONE, payload -> true);
        long millis = Math.clamp(grace.toMillis(), 0L, Integer.MAX_VALUE);
        open(call, () -> GuestMessage.SHUTDOWN.frame(0).u32(millis));
        try {
            await(call.answer(), grace.plus(LinkLimits.ANSWER), call);
        } catch (EngineException e) {
            if (e.code() != Code.GONE) {
                throw e;
            }
        }
    }

    /** Gives a machine that was made in advance its host name and the user of commands that name none. */
    public void identify(String hostname, String defaultUser) {
        CallStream<Boolean> call = new CallStream<>(this, "name", GuestMessage.DONE, payload -> true);
        open(call, () -> GuestMessage.IDENTIFY.frame(0).str(hostname).str(defaultUser));
        await(call.answer(), LinkLimits.ANSWER, call);
    }

    /**
     * The guest lets go of everything outside the machine, and this link ends. It comes back, at the same socket, when its wall tells it to, at the latest
     * when the time is over.
     *
     * @throws EngineException {@code INVALID} when this guest cannot
     */
    public void suspend(Duration atMost) {
        CallStream<Boolean> call = new CallStream<>(this, "suspend", GuestMessage.DONE, payload -> true);
        open(call, () -> GuestMessage.SUSPEND.frame(0).u32(atMost.toMillis()));
        await(call.answer(), LinkLimits.ANSWER, call);
    }

    /** Whether the guest answers at all, in 10 s. */
    public void ping() {
        streams.ping();
    }

    /** Must be told before a machine is frozen and after it was thawed. */
    public void setFrozen(boolean frozen) {
        streams.setFrozen(frozen);
    }

    /** Completes, never exceptionally, when the link has ended. */
    public CompletableFuture<LinkEnd> ended() {
        return streams.ended().copy();
    }

    /** Cuts the link; processes inside go on. */
    @Override
    public void close() {
        streams.end(new LinkEnd(LinkEnd.Kind.CLOSED_BY_HOST, "the manager closed its link to the guest"));
    }

    // For streams

    Multiplexer streams() {
        return streams;
    }

    /** A request that is answered by DONE. */
    void call(String attempt, FrameWriter frame) {
        CallStream<Boolean> call = new CallStream<>(this, attempt, GuestMessage.DONE, payload -> true);
        open(call, () -> frame);
        await(call.answer(), LinkLimits.ANSWER, call);
    }

    /** Opens a stream; what the protocol cannot carry is {@code INVALID}. */
    <S extends LinkStream> S open(S stream, java.util.function.Supplier<FrameWriter> frame) {
        FrameWriter built;
        try {
            built = frame.get();
        } catch (IllegalArgumentException e) {
            throw new EngineException(Code.INVALID, "could not " + stream.attempt + ": " + e.getMessage(), e);
        }
        streams.open(stream, built);
        return stream;
    }

    <T> T await(CompletableFuture<T> answer, Duration patience, LinkStream stream) {
        return streams.await(answer, patience, stream);
    }

    private static void requirePort(int port) {
        if (port < 1 || port > 65_535) {
            throw new EngineException(Code.INVALID, "there is no port " + port + "; ports are 1 to 65535");
        }
    }
}
