package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import dev.tinyvm.images.registry.RegistryClient;
import dev.tinyvm.images.registry.RegistryException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import tools.jackson.databind.JsonNode;

/** One pull: manifest, missing blobs, files, tag. What was transferred stays when it fails, for the next try. The store's lock is held. */
final class Pull {
    private final StorePaths paths;
    private final BlobStore blobs;
    private final RegistryClient client;
    private final Reference reference;
    private final SignaturePolicy policy;
    private final ImportLimits limits;
    private final ImageFormat format;
    private final PullProgress progress;
    private final String where;

    Pull(
            StorePaths paths,
            BlobStore blobs,
            RegistryClient client,
            Reference reference,
            SignaturePolicy policy,
            ImportLimits limits,
            ImageFormat format,
            PullProgress progress) {
        this.paths = paths;
        this.blobs = blobs;
        this.client = client;
        this.reference = reference;
        this.policy = policy;
        this.limits = limits;
        this.format = format;
        this.progress = progress;
        this.where = "`" + reference + "`";
    }

    PullResult run() throws IOException {
        Tags tags = new Tags(paths.tags());
        Optional<ImageTag> known = tags.find(reference).filter(tag -> paths.exists(tag.image()));
        Verifications verifications = new Verifications(paths.verified());
        Optional<SignaturePolicy.Rule> rule = policy.rule(reference);
        String signedBy = rule.map(asked -> asked.file().toString()).orElse("");
        boolean vouchedFor = rule.isEmpty()
                || (known.isPresent() && verifications.has(known.get().image(), reference, rule.get()));
        if (known.isPresent() && vouchedFor && isCurrent(known.get())) {
            ImageTag tag = known.get();
            return new PullResult(
                    Metadata.read(paths.record(tag.image()), tag.image()),
                    tag.reference(),
                    tag.digest(),
                    true,
                    0,
                    signedBy,
                    List.of());
        }
        RegistryClient.Manifest top = manifest(reference);
        if (rule.isPresent()) {
            new Cosign(client, blobs, reference, top.digest(), rule.get()).require();
        }
        List<Digest> manifests = new ArrayList<>(List.of(top.digest()));
        RegistryClient.Manifest chosen = top;
        JsonNode root = OciJson.parse(top.bytes(), where);
        if (OciJson.isIndex(root, top.mediaType())) {
            Descriptor fitting = OciJson.choose(OciJson.index(root, where), Platform.current(), where);
            chosen = manifest(reference.at(fitting.digest()));
            manifests.addFirst(chosen.digest());
            root = OciJson.parse(chosen.bytes(), where);
        }
        OciJson.Manifest manifest = OciJson.manifest(root, where);
        blobs.put(top.bytes());
        blobs.put(chosen.bytes());
        boolean present = paths.exists(StorePaths.name(chosen.digest()));
        long transferred = present ? 0 : transfer(manifest);
        Unpacking unpacking = new Unpacking(paths, blobs, limits, format, progress);
        Image image = unpacking.image(manifests, reference.canonical(), where);
        if (rule.isPresent()) {
            verifications.add(image.name(), reference, rule.get());
        }
        tags.put(new ImageTag(reference.canonical(), image.name(), top.digest().toString()));
        return new PullResult(
                image,
                reference.canonical(),
                top.digest().toString(),
                present,
                transferred,
                signedBy,
                unpacking.leftOut());
    }

    /** What a digest names is not asked for when it is here, whatever it was pulled as. */
    private RegistryClient.Manifest manifest(Reference of) throws IOException {
        Digest digest = of.digest();
        if (digest == null || !blobs.has(digest)) {
            return client.manifest(of);
        }
        byte[] bytes = blobs.read(digest, RegistryClient.MAX_MANIFEST_BYTES);
        return new RegistryClient.Manifest(
                digest, OciJson.parse(bytes, where).path("mediaType").asString(""), bytes);
    }

    /** What is pinned by digest never changes; of a tag only the digest is asked for. */
    private boolean isCurrent(ImageTag tag) {
        return reference.digest() != null
                || client.digest(reference)
                        .filter(digest -> digest.toString().equals(tag.digest()))
                        .isPresent();
    }

    private long transfer(OciJson.Manifest manifest) throws IOException {
        Map<Digest, Descriptor> wanted = new LinkedHashMap<>();
        wanted.put(manifest.config().digest(), manifest.config());
        manifest.layers().forEach(layer -> wanted.putIfAbsent(layer.digest(), layer));
        long total = 0;
        for (Descriptor blob : wanted.values()) {
            total += blob.size();
            if (total < 0 || total > limits.maxBytes()) {
                throw new ImageException(
                        ImageException.Code.TOO_LARGE,
                        where + " is refused: its layers take over " + limits.maxBytes()
                                + " bytes, the most that is allowed");
            }
        }
        List<Descriptor> missing = new ArrayList<>();
        for (Descriptor blob : wanted.values()) {
            if (blobs.has(blob.digest())) {
                progress.on(blob.digest().toString(), PullProgress.Step.PRESENT, blob.size(), blob.size());
            } else {
                missing.add(blob);
            }
        }
        return parallel(missing);
    }

    private long parallel(List<Descriptor> missing) throws IOException {
        ExecutorService threads = Executors.newFixedThreadPool(
                client.parallelBlobs(), Thread.ofVirtual().name("blob-", 0).factory());
        try {
            ExecutorCompletionService<Long> transfers = new ExecutorCompletionService<>(threads);
            missing.forEach(blob -> transfers.submit(() -> one(blob)));
            long transferred = 0;
            for (int i = 0; i < missing.size(); i++) {
                Future<Long> ended = transfers.take();
                transferred += ended.get();
            }
            return transferred;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ImageException(ImageException.Code.UNREACHABLE, where + " could not be pulled: interrupted", e);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RegistryException known -> throw known;
                case IOException known -> throw known;
                case RuntimeException bug -> throw bug;
                case null, default -> throw new IllegalStateException(e);
            }
        } finally {
            // The first failure ends the others; they keep what they have.
            threads.shutdownNow();
            threads.close();
        }
    }

    private long one(Descriptor blob) throws IOException {
        String name = blob.digest().toString();
        long transferred = client.blob(
                reference,
                blob.digest(),
                blob.size(),
                blobs.partial(blob.digest()),
                done -> progress.on(name, PullProgress.Step.DOWNLOADING, done, blob.size()));
        blobs.complete(blob.digest());
        progress.on(name, PullProgress.Step.VERIFIED, blob.size(), blob.size());
        return transferred;
    }
}
