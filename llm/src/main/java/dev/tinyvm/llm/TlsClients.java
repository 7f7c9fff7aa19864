package dev.tinyvm.llm;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * The JDK's HTTP clients of one provider, for HTTP/2 over TLS. A client keeps one HTTP/2 connection to a server and refuses a call when that has as many streams as the server allows (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section 5.1.2,
 * 100 at many), instead of opening a second. So there is a client more for each time that happens, and each learns how many calls fit. Those in excess go when nobody has used them for a while. The monitor guards the fields; it is never held while
 * something blocks.
 */
final class TlsClients implements AutoCloseable {
    /** How the client says that its connection is full; {@code Http2Test.moreCallsThanAConnectionTakesAtOnceAreAllAnswered} sees when another JDK says it otherwise. */
    private static final String FULL = "too many concurrent streams";

    private static final long UNUSED_NANOS = Duration.ofMinutes(1).toNanos();

    private final Duration connect;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final List<Lane> lanes = new ArrayList<>();
    private boolean closed;

    TlsClients(Duration connect) {
        this.connect = connect;
    }

    /** A client and the calls that run over it. Guarded by the monitor of its {@link TlsClients}. */
    private static final class Lane {
        private final HttpClient client;
        private int running;
        private int most = Integer.MAX_VALUE;
        private long usedAtNanos;

        Lane(HttpClient client) {
            this.client = client;
        }
    }

    /** An answer's head; whoever has it closes its body. */
    record Answer(HttpResponse<BodyPipe> response, ReplyBody body) {}

    Answer send(HttpRequest request) throws IOException, InterruptedException {
        while (true) {
            Lane lane = take();
            HttpResponse<BodyPipe> response = null;
            try {
                response = lane.client.send(request, info -> new BodyPipe());
            } catch (IOException e) {
                if (!isFull(lane, e)) {
                    throw e;
                }
            } finally {
                if (response == null) {
                    giveBack(lane);
                }
            }
            if (response != null) {
                return new Answer(response, new LaneBody(lane, response.body()));
            }
        }
    }

    private synchronized Lane take() {
        if (closed) {
            throw new IllegalStateException("the gateway is closed");
        }
        long now = System.nanoTime();
        for (int i = lanes.size() - 1; i > 0; i--) {
            Lane old = lanes.get(i);
            if (old.running == 0 && now - old.usedAtNanos > UNUSED_NANOS) {
                lanes.remove(i);
                old.client.shutdownNow();
            }
        }
        Lane free = lanes.stream()
                .filter(lane -> lane.running < lane.most)
                .findFirst()
                .orElseGet(this::another);
        free.running++;
        return free;
    }

    private Lane another() {
        Lane lane = new Lane(HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_2)
                .connectTimeout(connect)
                .followRedirects(HttpClient.Redirect.NEVER)
                .executor(threads)
                .build());
        lanes.add(lane);
        return lane;
    }

    private synchronized void giveBack(Lane lane) {
        lane.running--;
        lane.usedAtNanos = System.nanoTime();
    }

    /** Whether another client has to be asked; a call that is alone is refused for another reason. */
    private synchronized boolean isFull(Lane lane, IOException cause) {
        boolean full = lane.running > 1 && saysFull(cause);
        if (full) {
            lane.most = Math.min(lane.most, lane.running - 1);
        }
        return full;
    }

    private static boolean saysFull(@Nullable Throwable cause) {
        for (Throwable each = cause; each != null; each = each.getCause()) {
            if (FULL.equals(each.getMessage())) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void close() {
        List<Lane> all;
        synchronized (this) {
            closed = true;
            all = List.copyOf(lanes);
            lanes.clear();
        }
        all.forEach(lane -> lane.client.shutdownNow());
    }

    /** Gives its place back when it is closed. For one thread. */
    private final class LaneBody implements ReplyBody {
        private final Lane lane;
        private final BodyPipe pipe;
        private boolean over;

        LaneBody(Lane lane, BodyPipe pipe) {
            this.lane = lane;
            this.pipe = pipe;
        }

        @Override
        public byte @Nullable [] next(Duration most) throws IOException, InterruptedException {
            return pipe.next(most);
        }

        @Override
        public void close() {
            if (!over) {
                over = true;
                pipe.close();
                giveBack(lane);
            }
        }
    }
}
