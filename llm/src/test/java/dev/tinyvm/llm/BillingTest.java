package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.ledger.Account;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerTime;
import dev.tinyvm.ledger.Measure;
import dev.tinyvm.llm.wire.LlmException;
import dev.tinyvm.llm.wire.Usage;
import dev.tinyvm.spec.ManagerConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BillingTest {
    private static final Caller CALLER = new Caller("vm1", "researcher", "");

    @TempDir
    Path data;

    @Test
    void aCallIsInTheBillAndKnownAgainAfterARestart() {
        try (Ledger ledger = open()) {
            machine(ledger);
            new Billing(ledger).used(call(1_000, 400, 50, 7_000));
        }
        try (Ledger ledger = open()) {
            assertThat(ledger.bill(BillQuery.by(BillQuery.By.MODEL)).lines()).anySatisfy(line -> {
                assertThat(line.name()).isEqualTo("gpt-x");
                assertThat(line.amounts().get(Measure.INPUT_TOKENS)).isEqualTo(1_000);
                assertThat(line.amounts().get(Measure.CACHED_INPUT_TOKENS)).isEqualTo(400);
                assertThat(line.amounts().get(Measure.LLM_NANO_USD)).isEqualTo(7_000);
            });
            Spending spending = new Billing(ledger).spending();
            assertThat(spending.spent("agent:researcher")).isEqualTo(new Spending.Spent(1, 1_050, 7_000));
            Allowance spent = new Allowance(
                    "agent:researcher",
                    List.of(new Glob("*")),
                    Allowance.UNLIMITED,
                    Allowance.UNLIMITED,
                    1,
                    Allowance.UNLIMITED,
                    Allowance.UNLIMITED);
            assertThatThrownBy(() -> spending.begin(List.of(spent)))
                    .isInstanceOf(LlmException.class)
                    .hasMessageContaining("the budget of agent:researcher is used up");
            ledger.forgetAgent("researcher");
            spending.begin(List.of(spent));
        }
    }

    @Test
    void aCallThatIsUnderWayIsBilledByItsEndAndNotTwice() {
        try (Ledger ledger = open()) {
            machine(ledger);
            UsageListener.Ongoing call =
                    new Billing(ledger).began(CALLER, "gpt-x", new Usage(900, 0, 0, 0, true), 6_000);
            ledger.sync();
            call.progress(new Usage(900, 0, 0, 10, true), 6_100);
            ledger.sync();
            call.ended(call(1_000, 400, 50, 7_000));
            new Billing(ledger)
                    .began(CALLER, "gpt-x", new Usage(900, 0, 0, 0, true), 6_000)
                    .dropped();
            assertThat(ledger.spent("agent:researcher").llmNanoUsd()).isEqualTo(7_000);
            assertThat(ledger.spent("agent:researcher").requests()).isEqualTo(1);
        }
    }

    @Test
    void aBudgetForEverythingBoundsCallsToo() {
        try (Ledger ledger = open()) {
            machine(ledger);
            Billing billing = new Billing(ledger);
            Allowance.Source limits = billing.within(caller -> List.of());
            assertThat(limits.of(CALLER)).isEmpty();
            ledger.budget("agent:researcher", OptionalLong.of(10_000));
            assertThat(limits.of(CALLER)).singleElement().satisfies(allowance -> {
                assertThat(allowance.scope()).isEqualTo("agent:researcher");
                assertThat(allowance.nanoUsd()).isEqualTo(10_000);
            });
            Spending spending = billing.spending();
            spending.begin(limits.of(CALLER));
            spending.settle(limits.of(CALLER), 1, 10_000);
            billing.used(call(1, 0, 0, 10_000));
            assertThatThrownBy(() -> spending.begin(limits.of(CALLER)))
                    .isInstanceOf(LlmException.class)
                    .hasMessageContaining("is used up");
        }
    }

    private Ledger open() {
        return Ledger.open(
                data.resolve("ledger.db"),
                ManagerConfig.Ledger.DEFAULT.prices(),
                ManagerConfig.Ledger.DEFAULT.linesKept(),
                LedgerTime.SYSTEM);
    }

    private static void machine(Ledger ledger) {
        ledger.meter(new Account("vm1", "researcher-0", "researcher", Map.of(), ""), 1, -1);
    }

    private static UsageListener.Call call(long input, long cached, long output, long nanoUsd) {
        return new UsageListener.Call(
                CALLER,
                "p",
                "gpt-x",
                200,
                new Usage(input, cached, 0, output, false),
                nanoUsd,
                true,
                true,
                Instant.EPOCH,
                Duration.ZERO,
                Duration.ZERO);
    }
}
