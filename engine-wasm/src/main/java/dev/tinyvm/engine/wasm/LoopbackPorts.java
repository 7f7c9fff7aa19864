package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.GuestConnection;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A machine's own 127.0.0.1: what the host offers on it, and connections in memory to that. No port of the host is behind it, and guests have
 * none of their own. The monitor guards the table.
 */
final class LoopbackPorts {
    /** Two pipes, and what a client and TLS keep for a connection. */
    static final long CONNECTION_HEAP_BYTES = 96 << 10;

    private static final Logger LOG = LoggerFactory.getLogger(LoopbackPorts.class);

    private final String machineId;
    private final HeapBudget heap;
    private final Map<Integer, Consumer<GuestConnection>> handlers = new HashMap<>();

    LoopbackPorts(String machineId, HeapBudget heap) {
        this.machineId = machineId;
        this.heap = heap;
    }

    AutoCloseable listen(int port, Consumer<GuestConnection> handler) {
        if (port < 1 || port > 65_535) {
            throw new EngineException(Code.INVALID, "there is no port " + port);
        }
        synchronized (this) {
            if (handlers.putIfAbsent(port, handler) != null) {
                throw new EngineException(
                        Code.INVALID, "could not offer port " + port + " to " + machineId + ": it is taken");
            }
        }
        return () -> {
            synchronized (this) {
                handlers.remove(port, handler);
            }
        };
    }

    /** The guest's end of a new connection; the handler has the other one on a virtual thread of its own. */
    GuestConnection connect(int port) throws IOException {
        Consumer<GuestConnection> handler = handler(port);
        if (handler == null) {
            throw new IOException("nothing listens on port " + port + " of 127.0.0.1");
        }
        if (!heap.take(CONNECTION_HEAP_BYTES)) {
            throw new IOException("all guests together hold the heap that they may; try again later");
        }
        BytePipe up = new BytePipe();
        BytePipe down = new BytePipe();
        GuestConnection inside = new End(down, up, heap);
        GuestConnection outside = new End(up, down, null);
        Thread.ofVirtual().name(machineId + "-port-" + port).start(() -> {
            try {
                handler.accept(outside);
            } catch (RuntimeException e) {
                LOG.warn("a connection from inside {} failed in its handler", machineId, e);
                outside.close();
            }
        });
        return inside;
    }

    private synchronized @Nullable Consumer<GuestConnection> handler(int port) {
        return handlers.get(port);
    }

    private static final class End implements GuestConnection {
        private final BytePipe in;
        private final BytePipe out;
        private @Nullable HeapBudget charged;

        private End(BytePipe in, BytePipe out, @Nullable HeapBudget charged) {
            this.in = in;
            this.out = out;
            this.charged = charged;
        }

        @Override
        public InputStream input() {
            return in.input();
        }

        @Override
        public OutputStream output() {
            return out.output();
        }

        @Override
        public void close() {
            out.end();
            in.breakOff();
            synchronized (this) {
                if (charged != null) {
                    charged.giveBack(CONNECTION_HEAP_BYTES);
                    charged = null;
                }
            }
        }
    }
}
