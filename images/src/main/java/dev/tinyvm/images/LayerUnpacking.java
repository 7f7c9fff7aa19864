package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Unpacks layers, each into a directory of its own named by its digest, so that every image with the layer shares it: its space, and in memory its pages.
 * Several at once. The lock is held.
 */
final class LayerUnpacking {
    /** What a spawner stacks at most; an image with more is unpacked into one directory. */
    static final int MAX_LAYERS = 128;

    private final StorePaths paths;
    private final BlobStore blobs;
    private final ImportLimits limits;
    private final ImageFormat format;
    private final PullProgress progress;
    private final List<String> leftOut = Collections.synchronizedList(new ArrayList<>());
    /** Of all layers together, of which several are under way. */
    private final AtomicLong bytesLeft;

    private final AtomicLong entriesLeft;
    /** Set by the first layer that makes sense upon those below only: then none is unpacked apart, and what is under way stops. */
    private final AtomicBoolean apartIsOfNoUse = new AtomicBoolean();

    LayerUnpacking(StorePaths paths, BlobStore blobs, ImportLimits limits, ImageFormat format, PullProgress progress) {
        this.paths = paths;
        this.blobs = blobs;
        this.limits = limits;
        this.format = format;
        this.progress = progress;
        this.bytesLeft = new AtomicLong(limits.maxBytes());
        this.entriesLeft = new AtomicLong(limits.maxEntries());
    }

    /** Names that were not taken. */
    List<String> leftOut() {
        return List.copyOf(leftOut);
    }

    /**
     * Sees to it that all layers are unpacked.
     *
     * @param layers lowest first
     * @param diffIds of the same, uncompressed
     * @return what makes up the image, lowest first; empty when they make sense one upon the other only
     */
    Optional<List<LayerRecord>> unpack(List<Descriptor> layers, List<Digest> diffIds, String where) throws IOException {
        if (layers.isEmpty() || layers.size() > MAX_LAYERS) {
            return Optional.empty();
        }
        Map<Digest, Descriptor> missing = new LinkedHashMap<>();
        for (int i = 0; i < layers.size(); i++) {
            if (Files.notExists(paths.layerRecord(diffIds.get(i)))) {
                missing.putIfAbsent(diffIds.get(i), layers.get(i));
            } else {
                progress.on(
                        layers.get(i).digest().toString(),
                        PullProgress.Step.UNPACKED,
                        layers.get(i).size(),
                        layers.get(i).size());
            }
        }
        if (!allOf(missing, diffIds.getFirst(), where)) {
            return Optional.empty();
        }
        List<LayerRecord> records = new ArrayList<>();
        long bytes = 0;
        long entries = 0;
        for (Digest diffId : diffIds) {
            LayerRecord record = LayerRecord.read(paths.layerRecord(diffId));
            if (!record.isEmpty()) {
                records.add(record);
            }
            bytes += record.sizeBytes();
            entries += record.entries();
        }
        // Layers that were there count as well; taken one upon the other the limits say the same.
        boolean fits = bytes <= limits.maxBytes() && entries <= limits.maxEntries();
        return fits && LayerRecord.standAlone(records) ? Optional.of(records) : Optional.empty();
    }

    /** The small ones first: they tell soonest that they make no sense alone. @return false when one of them cannot be unpacked for itself */
    private boolean allOf(Map<Digest, Descriptor> missing, Digest lowest, String where) throws IOException {
        List<Map.Entry<Digest, Descriptor>> bySize = new ArrayList<>(missing.entrySet());
        bySize.sort(Comparator.comparingLong(entry -> entry.getValue().size()));
        ExecutorService threads = Executors.newFixedThreadPool(
                Math.max(2, Runtime.getRuntime().availableProcessors()),
                Thread.ofPlatform().daemon().name("unpack-", 0).factory());
        try {
            ExecutorCompletionService<Boolean> running = new ExecutorCompletionService<>(threads);
            bySize.forEach(entry -> running.submit(
                    () -> one(entry.getValue(), entry.getKey(), entry.getKey().equals(lowest), where)));
            boolean all = true;
            for (int i = 0; i < missing.size() && all; i++) {
                Future<Boolean> ended = running.take();
                all = ended.get();
            }
            return all;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException known -> throw known;
                case RuntimeException known -> throw known;
                case null, default -> throw new IllegalStateException(e);
            }
        } finally {
            // Those that are under way end by themselves, soon when they are of no use.
            threads.shutdown();
            threads.close();
        }
    }

    private boolean one(Descriptor layer, Digest diffId, boolean lowest, String where) {
        boolean alone = !apartIsOfNoUse.get() && made(layer, diffId, lowest, where);
        if (!alone) {
            apartIsOfNoUse.set(true);
        }
        return alone;
    }

    private boolean made(Descriptor layer, Digest diffId, boolean lowest, String where) {
        progress.on(layer.digest().toString(), PullProgress.Step.UNPACKING, 0, layer.size());
        try {
            LayerRecord record = new Installation(
                            paths.layers(),
                            diffId.hex(),
                            paths.layerRecord(diffId),
                            format,
                            where + " could not be unpacked")
                    .run(root -> fill(root, layer, diffId, where), made -> made.write(paths.layerRecord(diffId)));
            if (record.impliesParents() && !lowest) {
                return false;
            }
        } catch (LayerSink.Unwanted e) {
            return false;
        } catch (ImageException e) {
            return switch (e.code()) {
                // A name or a link that only makes sense upon a lower layer, or a mark that only root can make.
                case REFUSED, PERMISSION -> false;
                default -> throw e;
            };
        }
        progress.on(layer.digest().toString(), PullProgress.Step.UNPACKED, layer.size(), layer.size());
        return true;
    }

    private LayerRecord fill(int root, Descriptor layer, Digest diffId, String where)
            throws IOException, Posix.Failure {
        LayerMarks marks = new LayerMarks();
        List<String> notTaken = new ArrayList<>();
        ImportLimits own = new ImportLimits(Math.max(0, entriesLeft.get()), Math.max(0, bytesLeft.get()));
        try (RootfsWriter writer = new RootfsWriter(root, own)) {
            writer.keepMarks(marks);
            long headers = Math.multiplyExact(3L * 512, limits.maxEntries());
            new LayerArchive(blobs, layer, diffId, where)
                    .read(new LayerSink(writer, apartIsOfNoUse::get), own.maxBytes() + headers, notTaken);
            writer.finish();
            bytesLeft.addAndGet(-writer.bytes());
            entriesLeft.addAndGet(-writer.entries());
            leftOut.addAll(notTaken);
            return new LayerRecord(
                    diffId.toString(),
                    writer.bytes(),
                    writer.entries(),
                    writer.impliesParents(),
                    List.copyOf(writer.directories()),
                    List.copyOf(marks.whiteouts()),
                    List.copyOf(marks.opaques()));
        }
    }
}
