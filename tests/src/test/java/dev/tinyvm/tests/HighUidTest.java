package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.VmInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each data directory has a block of 2²⁸ uids of its own; from the eighth on they do not fit a signed int. The seven below are claimed here, by a run directory that is there. */
@NeedsWalls
@Timeout(120)
class HighUidTest {
    private static final Path CLAIMS = Path.of("/run/tinyvm/uids");
    private static final int LOWER = 7;
    private final List<Path> claimed = new ArrayList<>();

    @AfterEach
    void release() throws IOException {
        for (Path claim : claimed) {
            Files.delete(claim);
        }
    }

    @Test
    void theEighthDataDirectoryOnAHostHasAManagerAndTinyVmsToo() throws Exception {
        Files.createDirectories(CLAIMS);
        for (int block = 1; block <= LOWER; block++) {
            Path claim = CLAIMS.resolve(Integer.toString(block));
            if (!Files.exists(claim)) {
                Files.writeString(claim, CLAIMS.toString());
                claimed.add(claim);
            }
        }

        try (Product product = Product.start()) {
            assertThat(Integer.toUnsignedLong(product.managerUid())).isGreaterThan(Integer.MAX_VALUE);
            VmInfo vm = product.create("cpu: 0.1, memory: 32Mi, disk: 16Mi");
            assertThat(product.exec(vm.id(), "sh", "-c", "echo here > f; cat f").stdout())
                    .asString()
                    .isEqualTo("here\n");
            Product.kill(product.managerPid());
            product.upAgain();
            assertThat(product.exec(vm.id(), "cat", "f").stdout()).asString().isEqualTo("here\n");
        }
    }
}
