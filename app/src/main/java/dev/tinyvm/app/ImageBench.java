package dev.tinyvm.app;

import dev.tinyvm.bench.BenchPlan;
import dev.tinyvm.bench.BenchResult;
import dev.tinyvm.bench.BenchTarget;
import dev.tinyvm.bench.DebianImage;
import dev.tinyvm.images.Image;
import dev.tinyvm.images.ImageConfig;
import dev.tinyvm.images.ImageStore;
import dev.tinyvm.images.MountTiming;
import dev.tinyvm.sdk.CreateVm;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.ExecCommand;
import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.TinyVmClient;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * {@code bench image}: a Debian with Python, Node and git, made by mmdebstrap (kept in the cache) and packed by umoci, is unpacked, then Tiny VMs are made
 * of it, each of which reads all of its programs and libraries.
 */
final class ImageBench {
    static final String WORD = "image";
    static final String SUMMARY = "unpacking of a real image, Tiny VMs made of it, and what they share";

    private static final int VMS = 100;
    private static final int MOUNTS = 50;
    private static final String NAME = "bench:1";
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private ImageBench() {}

    /** @param target a manager of the benchmark's own @param data its data directory */
    static BenchResult run(BenchTarget target, Path data, BenchPlan plan, Path cache, Consumer<String> progress)
            throws IOException, InterruptedException {
        int n = plan.n() > 0 ? plan.n() : VMS;
        Path layout = data.resolve("bench-layout");
        Path upper = Files.writeString(data.resolve("bench-upper"), "upper\n");
        DebianImage.pack(DebianImage.archive(cache, progress), layout, upper, "/bench-upper");
        progress.accept("unpacking");
        long start = System.nanoTime();
        ImageStore store = new ImageStore(data.resolve("images"));
        Image image = store.importFrom(NAME, layout, ImageConfig.DEFAULT).image();
        double seconds = (System.nanoTime() - start) / 1e9;
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("imageBytes", image.sizeBytes());
        figures.put("unpackedMegabytesPerSecond", Math.round(image.sizeBytes() / 1e5 / seconds) / 10.0);
        progress.accept("mounting");
        MountTiming.Result mounting = MountTiming.of(store, image, data.resolve("bench-mount"), MOUNTS);
        figures.put("mountP50Millis", rounded(mounting.firstMillis()));
        figures.put("mountFurtherP50Millis", rounded(mounting.furtherMillis()));
        try (TinyVmClient client = new TinyVmClient(URI.create(target.url()), target.key())) {
            vms(client, n, figures, progress);
        }
        return BenchResult.of(WORD, n, figures, plan.command());
    }

    private static void vms(TinyVmClient client, int n, Map<String, Object> figures, Consumer<String> progress)
            throws IOException {
        client.remove(create(client));
        List<String> ids = new ArrayList<>();
        double[] millis = new double[n];
        long cached = cachedBytes();
        long afterFirst = cached;
        for (int i = 0; i < n; i++) {
            long start = System.nanoTime();
            ids.add(create(client));
            millis[i] = (System.nanoTime() - start) / 1e6;
            ExecResult read = client.exec(
                    ids.getLast(),
                    ExecCommand.of("sh", "-c", "find /usr/bin /usr/lib -xdev -type f -exec cat {} + > /dev/null")
                            .withUser("root")
                            .withTimeout(PATIENCE));
            if (read.exitCode() != 0) {
                throw new IOException("the files of the image could not be read: " + read.stderrText());
            }
            if (i == 0) {
                afterFirst = cachedBytes();
            }
            if (i % 25 == 24) {
                progress.accept((i + 1) + " of " + n + " live");
            }
        }
        long afterAll = cachedBytes();
        Arrays.sort(millis);
        figures.put("p50Millis", rounded(millis[n / 2]));
        figures.put("p99Millis", rounded(millis[Math.min(n - 1, (int) (n * 0.99))]));
        figures.put("cachedByFirstBytes", afterFirst - cached);
        figures.put("cachedByEachFurtherBytes", n > 1 ? (afterAll - afterFirst) / (n - 1) : 0);
        progress.accept("removing them");
        ids.forEach(client::remove);
    }

    private static double rounded(double millis) {
        return Math.round(millis * 1000) / 1000.0;
    }

    private static String create(TinyVmClient client) {
        return client.create(
                        CreateVm.of(
                                Descriptor.yaml(
                                        "apiVersion: tinyvm.dev/v1\nkind: Agent\nspec:\n  image: " + NAME
                                                + "\n  engine: container\n  command: [sleep, infinity]\n  resources: {cpu: 1, memory: 256Mi, disk: 16Mi}\n")))
                .id();
    }

    private static long cachedBytes() throws IOException {
        return Files.readAllLines(Path.of("/proc/meminfo")).stream()
                .filter(line -> line.startsWith("Cached:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                .findFirst()
                .orElseThrow(() -> new IOException("/proc/meminfo has no Cached"));
    }
}
