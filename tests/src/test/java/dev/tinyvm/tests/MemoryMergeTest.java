package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tinyvm.sdk.VmInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Memory of the same content, merged by the kernel (KSM). That runs only where the host's setting says so: this test switches it on, and puts the setting back as it
 * was at its end. Meanwhile other processes of this host that ask for merging are merged, too.
 */
@NeedsWalls
@Timeout(300)
class MemoryMergeTest {
    private static final Path KSM = Path.of("/sys/kernel/mm/ksm");
    private static final Map<String, String> WANTED = new LinkedHashMap<>();
    private static final long MERGED = 16L << 20;
    /** Fills 32 MiB with pages that no other program has, always the same, and sleeps; some of it may be swapped in no time, so it is touched once a second. */
    private static final String FILL = """
            import random, time
            block = random.Random(7).randbytes(32 << 20)
            while True:
                time.sleep(1)
                sum(block[::4096])
            """;

    static {
        WANTED.put("sleep_millisecs", "1");
        WANTED.put("pages_to_scan", "20000");
        WANTED.put("advisor_mode", "none");
        WANTED.put("run", "1");
    }

    private static final Map<String, String> BEFORE = new LinkedHashMap<>();
    private static Product product;

    @BeforeAll
    static void up() throws Exception {
        assumeTrue(Files.isWritable(KSM.resolve("run")), "this kernel has no KSM");
        assumeTrue(
                Files.exists(Path.of("/proc/self/ksm_stat"))
                        && Files.readString(Path.of("/proc/self/ksm_stat")).contains("ksm_merge_any"),
                "this kernel does not merge the memory of whole processes: Linux 6.10 does");
        product = Product.start();
        for (String key : WANTED.keySet()) {
            if (Files.exists(KSM.resolve(key))) {
                String text = Files.readString(KSM.resolve(key)).strip();
                // A choice shows as: [none] scan-time
                BEFORE.put(key, text.contains("[") ? text.substring(text.indexOf('[') + 1, text.indexOf(']')) : text);
            }
        }
    }

    @AfterAll
    static void down() throws Exception {
        if (product != null) {
            product.close();
        }
    }

    @Test
    void theSamePagesOfTwoTinyVmsThatAskAreMergedAndOfNoOther() throws Exception {
        VmInfo first = filled(true);
        VmInfo second = filled(true);
        VmInfo other = filled(false);
        try {
            for (Map.Entry<String, String> wanted : WANTED.entrySet()) {
                set(wanted.getKey(), wanted.getValue());
            }
            Product.eventually(
                    () -> "merged are " + merged(first) + " and " + merged(second) + " bytes",
                    () -> merged(first) > MERGED && merged(second) > MERGED);
            assertThat(merged(other)).as("of the one that did not ask").isZero();
            assertThat(product.cli("stats", first.name()).output()).contains("MERGED");
        } finally {
            // The setting last that makes it run, so that nothing is scanned at our pace for anybody else.
            for (Map.Entry<String, String> before : BEFORE.entrySet()) {
                set(before.getKey(), before.getValue());
            }
            for (VmInfo vm : new VmInfo[] {first, second, other}) {
                product.client().remove(vm.id());
            }
        }
        assertThat(Files.readString(KSM.resolve("run")).strip()).isEqualTo(BEFORE.get("run"));
    }

    private static VmInfo filled(boolean merge) {
        VmInfo vm = product.create(
                "cpu: 0.5, memory: 128Mi, memoryMerge: " + merge,
                "  command: [python3, -c, \"" + FILL.replace("\n", "\\n") + "\"]\n");
        return vm;
    }

    private static long merged(VmInfo vm) {
        return product.client().stats(vm.id()).memoryMergedBytes();
    }

    private static void set(String key, String value) throws IOException {
        if (BEFORE.containsKey(key)) {
            Files.writeString(KSM.resolve(key), value);
        }
    }
}
