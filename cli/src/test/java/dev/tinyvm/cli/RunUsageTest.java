package dev.tinyvm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.UsageAmounts;
import org.junit.jupiter.api.Test;

class RunUsageTest {
    @Test
    void oneLineTellsWhatARunUsed() {
        assertThat(RunUsage.text(new UsageAmounts(
                        "0.002", 2_000_000, 1_234_500, 3_400, 1_200, 0, 9, 9, 0, 2_048, 3, 900, 200, 50, 1, 1, 1)))
                .isEqualTo(
                        "1.235 s of CPU, 3.400 s active, 1.200 s waiting; 3 LLM calls, 900 tokens in (200 cached), 50 out; 2KiB sent; $0.002");
        assertThat(RunUsage.text(new UsageAmounts("0", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
                .isEqualTo("0.000 s of CPU, 0.000 s active; 0 LLM calls; no prices are configured for it");
    }
}
