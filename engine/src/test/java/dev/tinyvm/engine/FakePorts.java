package dev.tinyvm.engine;

import dev.tinyvm.engine.EngineException.Code;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;

/** The loopback ports of one {@link FakeVm}: those its programs listen on, and those the host listens on inside. */
public final class FakePorts {
    private final Map<Integer, Consumer<GuestConnection>> inside = new ConcurrentHashMap<>();
    private final Map<Integer, Consumer<GuestConnection>> fromHost = new ConcurrentHashMap<>();
    private final Map<Integer, Function<byte[], Optional<byte[]>>> datagrams = new ConcurrentHashMap<>();
    private final Set<FakePipe> pipes = ConcurrentHashMap.newKeySet();

    /** A program listens; each connection is handled on a virtual thread. */
    public AutoCloseable listenInside(int port, Consumer<GuestConnection> handler) {
        return listen(inside, port, handler);
    }

    /** The host connects. */
    GuestConnection dial(int port) {
        return connect(inside, port);
    }

    AutoCloseable listenFromHost(int port, Consumer<GuestConnection> handler) {
        if (inside.containsKey(port)) {
            throw new EngineException(Code.INVALID, "could not listen on port " + port + ": EADDRINUSE");
        }
        return listen(fromHost, port, handler);
    }

    /** A program connects to a port on which the host listens. */
    public GuestConnection connectFromInside(int port) {
        return connect(fromHost.containsKey(port) ? fromHost : inside, port);
    }

    AutoCloseable answerFromHost(int port, Function<byte[], Optional<byte[]>> answering) {
        if (datagrams.putIfAbsent(port, answering) != null) {
            throw new EngineException(Code.INVALID, "could not take datagrams of port " + port + ": EADDRINUSE");
        }
        return () -> datagrams.remove(port, answering);
    }

    /** A program sends a datagram to a port of the loopback; empty: nobody answers. */
    public Optional<byte[]> askFromInside(int port, byte[] datagram) {
        return datagrams.getOrDefault(port, _ -> Optional.empty()).apply(datagram);
    }

    /** Sends back whatever comes, until the end. */
    static void echo(GuestConnection connection) {
        try (connection) {
            connection.input().transferTo(connection.output());
        } catch (IOException e) {
            // The other side is gone, which ends an echo.
            return;
        }
    }

    static void close(AutoCloseable closeable) {
        try {
            closeable.close();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    void closeAll() {
        inside.clear();
        fromHost.clear();
        datagrams.clear();
        pipes.forEach(FakePipe::breakOff);
        pipes.clear();
    }

    private AutoCloseable listen(
            Map<Integer, Consumer<GuestConnection>> listeners, int port, Consumer<GuestConnection> handler) {
        if (listeners.putIfAbsent(port, handler) != null) {
            throw new EngineException(Code.INVALID, "could not listen on port " + port + ": EADDRINUSE");
        }
        return () -> listeners.remove(port, handler);
    }

    private GuestConnection connect(Map<Integer, Consumer<GuestConnection>> listeners, int port) {
        Consumer<GuestConnection> handler = listeners.get(port);
        if (handler == null) {
            throw new EngineException(Code.NOT_FOUND, "could not connect to port " + port + " inside: ECONNREFUSED");
        }
        FakePipe there = new FakePipe();
        FakePipe back = new FakePipe();
        pipes.add(there);
        pipes.add(back);
        Thread.startVirtualThread(() -> handler.accept(new Connection(there, back)));
        return new Connection(back, there);
    }

    private record Connection(FakePipe from, FakePipe to) implements GuestConnection {
        @Override
        public InputStream input() {
            return from.input();
        }

        @Override
        public OutputStream output() {
            return to.output();
        }

        @Override
        public void close() {
            from.breakOff();
            to.end();
        }
    }
}
