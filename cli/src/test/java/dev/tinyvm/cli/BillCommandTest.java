package dev.tinyvm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.cli.text.Style;
import dev.tinyvm.sdk.BillInfo;
import dev.tinyvm.sdk.UsageAmounts;
import java.util.List;
import org.junit.jupiter.api.Test;

class BillCommandTest {
    private static final UsageAmounts AMOUNTS = new UsageAmounts(
            "1.000001500",
            1_000_001_500,
            1_234_567,
            65_000,
            3_600_000,
            0,
            1 << 20,
            0,
            0,
            2_048,
            3,
            1_000,
            400,
            50,
            1_500,
            0,
            1_000_000_000);

    @Test
    void theTableIsAlignedAndEndsWithTheTotal() {
        BillInfo bill = new BillInfo("agent", "USD", List.of(new BillInfo.Line("", "", AMOUNTS)), AMOUNTS);
        List<String> lines = BillCommand.table(bill, Style.PLAIN).lines();
        assertThat(lines)
                .containsExactly(
                        "AGENT     CPU  ACTIVE  WAITING  PAUSED       MEMORY  EGRESS  CALLS    IN  CACHED  OUT  COMPUTE $     LLM $   TOTAL $",
                        "-      1.235s    1m5s       1h      0s  1.000 GiB·s     2Ki      3  1000     400   50   0.000002  1.000000  1.000002",
                        "total  1.235s    1m5s       1h      0s  1.000 GiB·s     2Ki      3  1000     400   50   0.000002  1.000000  1.000002");
    }

    @Test
    void csvIsExactAndHoldsNoFormula() {
        BillInfo bill =
                new BillInfo("label=team", "USD", List.of(new BillInfo.Line("=1+1,\"x\"", "", AMOUNTS)), AMOUNTS);
        assertThat(BillCommand.csv(bill))
                .containsExactly(
                        "label=team,detail,usd,nanoUsd,cpuMicros,activeMillis,waitingMillis,pausedMillis,activeKibSeconds,waitingKibSeconds,pausedKibSeconds,egressBytes,requests,inputTokens,cachedInputTokens,outputTokens,computeNanoUsd,egressNanoUsd,llmNanoUsd",
                        "\"'=1+1,\"\"x\"\"\",,1.000001500,1000001500,1234567,65000,3600000,0,1048576,0,0,2048,3,1000,400,50,1500,0,1000000000");
    }
}
