package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.sdk.BillRequest;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.sdk.UsageAmounts;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Optional;

/** What one run used, in one line. */
final class RunUsage {
    private static final Duration MOST = Duration.ofSeconds(10);
    private static final long POLL_MILLIS = 5;
    private static final BigDecimal MICROS = BigDecimal.valueOf(1_000_000);

    private RunUsage() {}

    /** Waits until the Tiny VM is gone: only then all of it is counted. */
    static String of(TinyVmClient client, String vm) throws InterruptedException {
        long end = System.nanoTime() + MOST.toNanos();
        while (exists(client, vm) && System.nanoTime() < end) {
            Thread.sleep(POLL_MILLIS);
        }
        return text(client.bill(
                        new BillRequest("vm", Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(vm)))
                .total());
    }

    static String text(UsageAmounts a) {
        StringBuilder text = new StringBuilder();
        text.append(BigDecimal.valueOf(a.cpuMicros())
                        .divide(MICROS, 3, RoundingMode.HALF_UP)
                        .toPlainString())
                .append(" s of CPU, ")
                .append(seconds(a.activeMillis()))
                .append(" active");
        if (a.waitingMillis() > 0) {
            text.append(", ").append(seconds(a.waitingMillis())).append(" waiting");
        }
        text.append("; ").append(a.requests()).append(a.requests() == 1 ? " LLM call" : " LLM calls");
        if (a.requests() > 0) {
            text.append(", ")
                    .append(a.inputTokens())
                    .append(" tokens in (")
                    .append(a.cachedInputTokens())
                    .append(" cached), ")
                    .append(a.outputTokens())
                    .append(" out");
        }
        if (a.egressBytes() > 0) {
            text.append("; ").append(Quantity.bytes(a.egressBytes())).append("B sent");
        }
        return text.append(a.nanoUsd() > 0 ? "; $" + a.usd() : "; no prices are configured for it")
                .toString();
    }

    private static String seconds(long millis) {
        return BigDecimal.valueOf(millis, 3).toPlainString() + " s";
    }

    private static boolean exists(TinyVmClient client, String vm) {
        try {
            client.vm(vm);
            return true;
        } catch (TinyVmException e) {
            return false;
        }
    }
}
