package dev.tinyvm.bench;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * What the LLM gateway adds to a call, how many it serves, and what many streams cost. Client and provider are this process, the gateway is the manager's; direct calls go from the same client to the same provider, in turns with those
 * through the gateway.
 */
public final class GatewayCalls implements AutoCloseable {
    public static final String WORD = "gateway";
    public static final String SUMMARY =
            "LLM gateway: latency added to the first byte and to each streamed chunk, small requests a second, 1,000 streams at once";
    private static final int USUAL = 300;
    private static final int CLIENTS = 32;
    private static final int STREAMS = 1000;
    private static final int BATCHES = 3;
    private static final int CHUNKS = 20;
    private static final String QUICK = "stream-" + CHUNKS + "-2000";
    private static final String SLOW = "stream-" + CHUNKS + "-500000";
    private static final long WARM_NANOS = 8_000_000_000L;
    private static final long MEASURED_NANOS = 6_000_000_000L;
    private static final String CHAT = "/v1/chat/completions";

    private final FixedProvider provider = new FixedProvider();

    /** The provider listens. */
    public GatewayCalls() throws IOException {}

    /** The manager's configuration that leads to the provider. */
    public String configuration() {
        return "llm: {providers: [{name: fixed, type: openai, baseUrl: \"http://127.0.0.1:" + provider.port()
                + "\", concurrency: 10000}], routes: [{model: \"*\", provider: fixed}],"
                + " prices: [{model: \"*\", input: 1, output: 2}]}\n";
    }

    /** Measures. */
    public BenchResult run(BenchTarget target, BenchPlan plan, Consumer<String> progress)
            throws IOException, InterruptedException {
        int n = plan.count(USUAL);
        int port = URI.create(target.url()).getPort();
        Map<String, Object> figures = new LinkedHashMap<>();
        progress.accept("warming up");
        perSecond(port, target.key(), plan.clients(CLIENTS), WARM_NANOS);
        latency(figures, port, target.key(), n, progress);
        progress.accept("small requests, " + plan.clients(CLIENTS) + " at once");
        figures.put(
                "perSecond", BenchResult.tenth(perSecond(port, target.key(), plan.clients(CLIENTS), MEASURED_NANOS)));
        streams(figures, port, target, progress);
        return new BenchResult(WORD, n, figures, Machine.line(), plan.command());
    }

    private void latency(Map<String, Object> figures, int port, String key, int n, Consumer<String> progress)
            throws IOException {
        long[][] first = new long[2][n];
        List<List<Long>> chunks = List.of(new ArrayList<>(), new ArrayList<>());
        try (GatewayWire direct = new GatewayWire(provider.port(), CHAT, key);
                GatewayWire through = new GatewayWire(port, "/llm" + CHAT, key)) {
            for (int i = -n / 10; i < n; i++) {
                GatewayWire[] wires = {direct, through};
                for (int way = 0; way < 2; way++) {
                    List<Long> heard = i < 0 ? new ArrayList<>() : chunks.get(way);
                    long began = System.nanoTime();
                    long at = wires[way].call(QUICK, true, (nanos, chunk) -> sentAt(chunk, nanos, heard));
                    if (i >= 0) {
                        first[way][i] = at - began;
                    }
                }
            }
        }
        long directFirst = p50(first[0]);
        long throughFirst = p50(first[1]);
        long[] directChunks = chunks.get(0).stream().mapToLong(Long::longValue).toArray();
        long[] throughChunks = chunks.get(1).stream().mapToLong(Long::longValue).toArray();
        BenchResult.percentiles(figures, "directFirstByte", first[0]);
        BenchResult.percentiles(figures, "firstByte", first[1]);
        figures.put("addedFirstByteP50Millis", BenchResult.millis(throughFirst - directFirst));
        BenchResult.percentiles(figures, "directChunk", directChunks);
        BenchResult.percentiles(figures, "chunk", throughChunks);
        figures.put("addedChunkP50Millis", BenchResult.millis(p50(throughChunks) - p50(directChunks)));
        progress.accept("added: first byte " + figures.get("addedFirstByteP50Millis") + " ms, chunk "
                + figures.get("addedChunkP50Millis") + " ms");
    }

    private static void sentAt(String chunk, long nanos, List<Long> heard) {
        int at = chunk.indexOf('@');
        if (at >= 0) {
            heard.add(nanos - Long.parseLong(chunk.substring(at + 1, chunk.indexOf('@', at + 1))));
        }
    }

    private static double perSecond(int port, String key, int clients, long nanos)
            throws IOException, InterruptedException {
        AtomicLong calls = new AtomicLong();
        long began = System.nanoTime();
        List<Callable<Void>> all = new ArrayList<>();
        for (int i = 0; i < clients; i++) {
            all.add(() -> {
                try (GatewayWire wire = new GatewayWire(port, "/llm" + CHAT, key)) {
                    while (System.nanoTime() - began < nanos) {
                        wire.call("plain", false, (at, chunk) -> {});
                        calls.incrementAndGet();
                    }
                }
                return null;
            });
        }
        together(all);
        return calls.get() * 1e9 / (System.nanoTime() - began);
    }

    /** Batches in turn: memory is flat when a later one needs no more than the one before. */
    private void streams(Map<String, Object> figures, int port, BenchTarget target, Consumer<String> progress)
            throws IOException, InterruptedException {
        long before = Machine.rssBytes(target.pid());
        OptionalLong liveBefore = LiveHeap.bytes(target.pid());
        if (liveBefore.isEmpty()) {
            progress.accept("this Java has no jcmd, or it may not look into the manager: no figures of the live heap");
        }
        AtomicLong heard = new AtomicLong();
        List<Long> halfWay = new ArrayList<>();
        List<Long> after = new ArrayList<>();
        OptionalLong liveHalfWay = OptionalLong.empty();
        for (int batch = 1; batch <= BATCHES; batch++) {
            progress.accept(STREAMS + " streams at once, batch " + batch + " of " + BATCHES);
            Half half = batch(port, target, heard, batch == BATCHES);
            halfWay.add(half.rssBytes());
            after.add(Machine.rssBytes(target.pid()));
            liveHalfWay = half.liveBytes();
        }
        OptionalLong liveAfter = LiveHeap.bytes(target.pid());
        figures.put("streams", STREAMS);
        figures.put("streamedChunks", heard.get());
        figures.put("rssBytesBeforeStreams", before);
        figures.put("rssBytesHalfWay", halfWay);
        figures.put("rssBytesAfterStreams", after);
        figures.put("bytesEach", Math.max(0, (halfWay.getLast() - before) / STREAMS));
        if (liveBefore.isPresent() && liveHalfWay.isPresent() && liveAfter.isPresent()) {
            figures.put("liveHeapBytesBeforeStreams", liveBefore.getAsLong());
            figures.put("liveHeapBytesHalfWay", liveHalfWay.getAsLong());
            figures.put("liveHeapBytesAfterStreams", liveAfter.getAsLong());
            figures.put("liveHeapBytesEach", (liveHalfWay.getAsLong() - liveAfter.getAsLong()) / STREAMS);
        }
    }

    /** @param live whether the live heap is asked for, which collects all garbage there */
    private Half batch(int port, BenchTarget target, AtomicLong heard, boolean live)
            throws IOException, InterruptedException {
        CountDownLatch half = new CountDownLatch(STREAMS);
        List<Callable<Void>> all = new ArrayList<>();
        for (int i = 0; i < STREAMS; i++) {
            all.add(() -> {
                int[] count = {0};
                try (GatewayWire wire = new GatewayWire(port, "/llm" + CHAT, target.key())) {
                    wire.call(SLOW, true, (at, chunk) -> {
                        heard.incrementAndGet();
                        if (++count[0] == CHUNKS / 2) {
                            half.countDown();
                        }
                    });
                }
                return null;
            });
        }
        AtomicReference<Half> found = new AtomicReference<>(new Half(0, OptionalLong.empty()));
        all.add(() -> {
            half.await();
            long rss = Machine.rssBytes(target.pid());
            found.set(new Half(rss, live ? LiveHeap.bytes(target.pid()) : OptionalLong.empty()));
            return null;
        });
        together(all);
        return found.get();
    }

    /** While all streams are open. */
    private record Half(long rssBytes, OptionalLong liveBytes) {}

    private static void together(List<Callable<Void>> all) throws IOException, InterruptedException {
        try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<Void> each : pool.invokeAll(all)) {
                each.get();
            }
        } catch (ExecutionException e) {
            throw new IOException("a call failed: " + e.getCause(), e);
        }
    }

    private static long p50(long[] nanos) {
        long[] sorted = nanos.clone();
        Arrays.sort(sorted);
        return BenchResult.percentile(sorted, 50);
    }

    @Override
    public void close() throws IOException {
        provider.close();
    }
}
