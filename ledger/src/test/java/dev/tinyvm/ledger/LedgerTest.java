package dev.tinyvm.ledger;

import static dev.tinyvm.ledger.Measure.ACTIVE_KIB_SECONDS;
import static dev.tinyvm.ledger.Measure.ACTIVE_MILLIS;
import static dev.tinyvm.ledger.Measure.COMPUTE_NANO_USD;
import static dev.tinyvm.ledger.Measure.CPU_MICROS;
import static dev.tinyvm.ledger.Measure.EGRESS_BYTES;
import static dev.tinyvm.ledger.Measure.EGRESS_NANO_USD;
import static dev.tinyvm.ledger.Measure.PAUSED_MILLIS;
import static dev.tinyvm.ledger.Measure.REQUESTS;
import static dev.tinyvm.ledger.Measure.WAITING_KIB_SECONDS;
import static dev.tinyvm.ledger.Measure.WAITING_MILLIS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.spec.LedgerPrices;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LedgerTest {
    private static final long MIB = 1L << 20;
    private static final LedgerPrices PRICES = new LedgerPrices(
            new BigDecimal("0.000014"),
            new BigDecimal("0.0000045"),
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            new BigDecimal("0.09"));

    @TempDir
    Path data;

    private final ManualTime time = new ManualTime();
    private Ledger ledger;

    @BeforeEach
    void open() {
        ledger = Ledger.open(data.resolve("ledger.db"), PRICES, Duration.ofDays(2), time);
    }

    @AfterEach
    void close() {
        ledger.close();
    }

    @Test
    void aMachineIsBilledByItsCounterAndItsTimeByItsState() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        meter.sample(0, 64 * MIB);
        time.seconds(1);
        meter.sample(400_000, 64 * MIB);
        time.seconds(2);
        meter.mode(MachineMeter.Mode.WAITING);
        time.seconds(60);
        meter.mode(MachineMeter.Mode.ACTIVE);
        time.seconds(1);
        meter.mode(MachineMeter.Mode.PAUSED);
        time.seconds(5);
        meter.close(500_000, MIB);
        Amounts amounts = total();
        assertThat(amounts.get(CPU_MICROS)).isEqualTo(500_000);
        assertThat(amounts.get(ACTIVE_MILLIS)).isEqualTo(4_000);
        assertThat(amounts.get(WAITING_MILLIS)).isEqualTo(60_000);
        assertThat(amounts.get(PAUSED_MILLIS)).isEqualTo(5_000);
        assertThat(amounts.get(ACTIVE_KIB_SECONDS)).isEqualTo(4 * 64 * 1024);
        assertThat(amounts.get(WAITING_KIB_SECONDS)).isEqualTo(60 * 64 * 1024);
        // 0.5 s × 14,000 + 4 s × 1/16 GiB × 4,500: time that waits or is paused costs nothing.
        assertThat(amounts.get(COMPUTE_NANO_USD)).isEqualTo(7_000 + 1_125);
    }

    @Test
    void theNextLedgerGoesOnWhereTheLastOneWasWithoutCountingTwice() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        time.seconds(1);
        meter.sample(1_000_000, MIB);
        reopen();
        time.seconds(10); // no manager is there, the machine runs on
        MachineMeter adopted = ledger.meter(account("a"), 1, -1);
        adopted.sample(7_000_000, MIB);
        assertThat(total().get(CPU_MICROS)).isEqualTo(7_000_000);
        assertThat(total().get(ACTIVE_MILLIS)).isEqualTo(11_000);
        reopen();
        ledger.meter(account("a"), 1, -1).sample(7_000_000, MIB);
        assertThat(total().get(CPU_MICROS)).isEqualTo(7_000_000);
        assertThat(total().get(ACTIVE_MILLIS)).isEqualTo(11_000);
    }

    @Test
    void aRoutedInterfacesCounterGoesOnWhereTheLastManagerLeftIt() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        meter.routed(1_000);
        meter.routed(1_500);
        reopen();
        MachineMeter adopted = ledger.meter(account("a"), 1, -1);
        adopted.routed(1_700);
        assertThat(total().get(EGRESS_BYTES)).isEqualTo(1_700);
        adopted.routed(1_700);
        reopen();
        ledger.meter(account("a"), 1, -1).routed(1_700);
        assertThat(total().get(EGRESS_BYTES)).isEqualTo(1_700);
    }

    @Test
    void theNextRoutedInterfaceBeginsAtZero() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        meter.routed(1_000);
        meter.routedAnew();
        meter.routed(1_200);
        assertThat(total().get(EGRESS_BYTES)).isEqualTo(2_200);
        meter.routed(300);
        assertThat(total().get(EGRESS_BYTES)).as("one that nobody announced").isEqualTo(2_500);
    }

    @Test
    void anotherMachineOfTheSameTinyVmBeginsAtZero() {
        MachineMeter first = ledger.meter(account("a"), 1, -1);
        time.seconds(1);
        first.sample(3_000_000, MIB);
        first.close(3_500_000, MIB);
        MachineMeter second = ledger.meter(account("a"), 2, -1);
        time.seconds(1);
        second.sample(200_000, MIB);
        assertThat(total().get(CPU_MICROS)).isEqualTo(3_700_000);
        assertThat(total().get(ACTIVE_MILLIS)).isEqualTo(2_000);
    }

    @Test
    void aMachineThatEndedBetweenTwoLedgersIsBilledToItsLastCounter() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        MachineMeter other = ledger.meter(account("b"), 1, -1);
        time.seconds(1);
        meter.sample(1_000_000, MIB);
        other.sample(1_000_000, MIB);
        reopen();
        time.seconds(100);
        ledger.settleLost(Set.of(), Map.of("a", 1_900_000L));
        assertThat(line(BillQuery.By.VM, "a").get(CPU_MICROS)).isEqualTo(1_900_000);
        assertThat(line(BillQuery.By.VM, "b").get(CPU_MICROS)).isEqualTo(1_000_000);
        assertThat(total().get(ACTIVE_MILLIS)).as("to the last sign of life").isEqualTo(2_000);
        ledger.settleLost(Set.of(), Map.of("a", 1_900_000L));
        assertThat(total().get(CPU_MICROS)).isEqualTo(2_900_000);
    }

    @Test
    void anIdleMachineIsBilledToTheLastSignOfLifeOfItsManager() {
        ledger.meter(account("idle"), 1, -1);
        time.seconds(30); // nobody reads it, but the manager lives
        ledger.sync();
        reopen();
        ledger.settleLost(Set.of(), Map.of());
        assertThat(total().get(ACTIVE_MILLIS)).isEqualTo(30_000);
    }

    @Test
    void aStepOfTheHostsClockIsNotBilled() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        time.seconds(1);
        time.step(Duration.ofHours(5));
        meter.sample(1, MIB);
        time.seconds(1);
        time.step(Duration.ofHours(-9));
        meter.sample(2, MIB);
        assertThat(total().get(ACTIVE_MILLIS)).isEqualTo(2_000);
    }

    @Test
    void aCounterThatGoesBackIsNeverBilledTwice() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        time.seconds(1);
        meter.sample(5_000, MIB);
        assertThat(meter.sample(1_000, MIB)).isZero();
        meter.sample(6_000, MIB);
        assertThat(total().get(CPU_MICROS)).isEqualTo(10_000);
    }

    @Test
    void manySmallUsesCostWhatOneLargeOneCosts() {
        MachineMeter small = ledger.meter(account("small"), 1, -1);
        MachineMeter large = ledger.meter(account("large"), 1, -1);
        small.sample(0, 3_333_333);
        large.sample(0, 3_333_333);
        for (int i = 1; i <= 10_007; i++) {
            time.advance(Duration.ofMillis(7));
            small.sample(i * 13L, 3_333_333);
            if (i % 100 == 0) {
                ledger.egress("small", 7);
            }
        }
        ledger.egress("large", 700);
        large.sample(10_007 * 13L, 3_333_333);
        Amounts one = line(BillQuery.By.VM, "large");
        assertThat(line(BillQuery.By.VM, "small")).isEqualTo(one);
        // 0.130091 s × 14,000 and 70.049 s × 3,255 KiB of 2^20 × 4,500, rounded down once.
        assertThat(one.get(COMPUTE_NANO_USD)).isEqualTo(1_821 + 978);
        assertThat(one.get(EGRESS_NANO_USD)).isEqualTo(63);
    }

    @Test
    void callsOfModelsCountForTheirTinyVmItsAgentAndItsKey() {
        ledger.meter(account("a"), 1, -1);
        ledger.llm(account("a"), "gpt-x", new LlmUse(1_000, 200, 50, 3_000));
        ledger.llm(account("a"), "gpt-y", new LlmUse(10, 0, 5, 40));
        ledger.llm(Account.outside("ci"), "gpt-x", new LlmUse(7, 0, 7, 7));
        assertThat(line(BillQuery.By.MODEL, "gpt-x").toString())
                .isEqualTo("{requests=2, inputTokens=1007, cachedInputTokens=200, outputTokens=57, llmNanoUsd=3007}");
        assertThat(line(BillQuery.By.AGENT, "researcher").get(REQUESTS)).isEqualTo(2);
        assertThat(line(BillQuery.By.KEY, "ci").get(REQUESTS)).isEqualTo(3);
        assertThat(line(BillQuery.By.DAY, "2026-03-01").get(REQUESTS)).isEqualTo(3);
        assertThat(ledger.bill(new BillQuery(
                                BillQuery.By.LABEL,
                                "team",
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty()))
                        .lines())
                .extracting(Bill.Line::name)
                .containsExactly("", "search");
        Map<String, Spent> before = ledger.spent();
        assertThat(before).containsEntry("vm:a", new Spent(2, 1_065, 3_040, 3_040));
        assertThat(before).containsEntry("agent:researcher", new Spent(2, 1_065, 3_040, 3_040));
        assertThat(before).containsEntry("key:ci", new Spent(3, 1_079, 3_047, 3_047));
        reopen();
        assertThat(ledger.spent()).isEqualTo(before);
        reopen();
        ledger.llm(Account.outside("ci"), "gpt-x", new LlmUse(1, 0, 0, 1));
        assertThat(ledger.spent("key:ci")).isEqualTo(new Spent(4, 1_080, 3_048, 3_048));
    }

    @Test
    void aCallThatEndsAfterItsTinyVmWasForgottenIsStillItsOwn() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        time.seconds(1);
        meter.close(1, MIB);
        ledger.forgetVm("a");
        ledger.sync();
        ledger.sync();
        ledger.llm(new Account("a", "", "", Map.of(), ""), "m", new LlmUse(1, 0, 1, 5));
        assertThat(line(BillQuery.By.AGENT, "researcher").get(REQUESTS)).isEqualTo(1);
        assertThat(ledger.records(new RecordQuery(
                        0, 100, Optional.empty(), Optional.empty(), Optional.of("researcher"), Optional.of("a"))))
                .hasSize(2);
    }

    @Test
    void billsOfAdjacentTimesAddUpToTheBillOfBoth() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        Instant start = Instant.ofEpochMilli(time.wallMillis());
        meter.sample(0, 7 * MIB);
        time.advance(Duration.ofMinutes(150).plusMillis(777));
        meter.sample(9_876_543, 5 * MIB);
        ledger.llm(account("a"), "m", new LlmUse(11, 0, 3, 17));
        Amounts whole = total();
        assertThat(ledger.records(new RecordQuery(
                        0, 100, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty())))
                .as("lines end at the hours of UTC")
                .hasSize(4);
        for (long at : List.of(0L, 1L, 999L, 1_800_000L, 3_600_000L, 3_600_001L, 9_000_776L, 9_000_777L, 9_000_778L)) {
            Instant cut = start.plusMillis(at);
            Amounts first = between(Optional.empty(), Optional.of(cut));
            Amounts second = between(Optional.of(cut), Optional.empty());
            assertThat(first.plus(second)).as("cut at %s", cut).isEqualTo(whole);
            if (at <= 9_000_777) {
                assertThat(first.get(ACTIVE_MILLIS)).isEqualTo(at);
            }
        }
        assertThat(between(Optional.of(start.plusSeconds(10)), Optional.of(start.plusSeconds(20)))
                        .get(ACTIVE_MILLIS))
                .isEqualTo(10_000);
    }

    @Test
    void oldLinesAreMergedToOneForEachAccountAndHourAndTheBillStays() {
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        for (int i = 0; i < 200; i++) {
            time.seconds(30);
            meter.sample(i * 1_000L, MIB);
            ledger.llm(account("a"), i % 2 == 0 ? "x" : "y", new LlmUse(i, 0, 1, 1));
            ledger.sync();
        }
        time.advance(Duration.ofHours(1));
        Amounts whole = total();
        RecordQuery all =
                new RecordQuery(0, 10_000, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
        assertThat(ledger.records(all)).hasSizeGreaterThan(400);
        ledger.close();
        ledger = Ledger.open(data.resolve("ledger.db"), PRICES, Duration.ZERO, time);
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (ledger.records(all).size() > 20 && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
        // Two hours and a piece that were metered, two models each; the present hour's single lines stay.
        assertThat(ledger.records(all)).hasSizeLessThan(20);
        assertThat(total()).isEqualTo(whole);
    }

    @Test
    void aBudgetThatIsUsedUpIsToldOnce() {
        List<String> told = new ArrayList<>();
        ledger.onExceeded((scope, spent, budget) -> told.add(scope + " " + spent + " of " + budget));
        MachineMeter meter = ledger.meter(account("a"), 1, -1);
        ledger.meter(account("b"), 1, -1);
        ledger.budget("agent:researcher", OptionalLong.of(100_000));
        ledger.llm(account("a"), "m", new LlmUse(1, 0, 1, 90_000));
        assertThat(told).isEmpty();
        time.seconds(1);
        meter.sample(1_000_000, MIB); // compute counts too: 14,000
        assertThat(told).containsExactly("agent:researcher 104004 of 100000");
        ledger.llm(account("b"), "m", new LlmUse(1, 0, 1, 90_000));
        assertThat(told).hasSize(1);
        assertThat(ledger.isUsedUp("agent:researcher")).isTrue();
        assertThat(ledger.leftForLlm("b"))
                .as("what compute has used is not left for calls")
                .isEqualTo(Map.of("agent:researcher", 100_000L - 14_004));
        ledger.budget("agent:researcher", OptionalLong.of(1_000_000));
        assertThat(ledger.isUsedUp("agent:researcher")).isFalse();
        reopen();
        ledger.onExceeded((scope, spent, budget) -> told.add("again " + scope));
        ledger.budget("agent:researcher", OptionalLong.of(100_000));
        assertThat(told).last().isEqualTo("again agent:researcher");
    }

    @Test
    void anAgentThatIsMadeAgainBeginsAtZero() {
        ledger.llm(account("a"), "m", new LlmUse(1, 0, 1, 90_000));
        ledger.forgetAgent("researcher");
        ledger.llm(account("b"), "m", new LlmUse(1, 0, 1, 5));
        assertThat(ledger.spent("agent:researcher").nanoUsd()).isEqualTo(5);
        reopen();
        assertThat(ledger.spent("agent:researcher").nanoUsd()).isEqualTo(5);
        assertThat(total().get(REQUESTS)).as("the record keeps both").isEqualTo(2);
    }

    @Test
    void egressIsCountedAndPriced() {
        ledger.meter(account("a"), 1, -1);
        ledger.egress("a", 1_500_000_000);
        ledger.egress("a", 0);
        ledger.egress("nobody", 5);
        assertThat(total().get(EGRESS_BYTES)).isEqualTo(1_500_000_000);
        assertThat(total().get(EGRESS_NANO_USD)).isEqualTo(135_000_000);
    }

    @Test
    void whatCannotBeWrittenIsKeptUntilItCanAndCountedOnce() throws Exception {
        String url = "jdbc:sqlite:" + data.resolve("ledger.db");
        ledger.llm(account("a"), "m", new LlmUse(1, 0, 0, 1));
        ledger.sync();
        execute(url, "CREATE TRIGGER full BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'no room'); END");
        for (int i = 0; i < 5; i++) {
            ledger.llm(account("a"), "m", new LlmUse(1, 0, 0, 1));
            assertThatThrownBy(ledger::sync)
                    .isInstanceOf(LedgerException.class)
                    .hasMessageContaining("could not write the ledger")
                    .hasMessageContaining("no room");
        }
        execute(url, "DROP TRIGGER full");
        assertThat(total().get(REQUESTS)).isEqualTo(6);
        reopen();
        assertThat(total().get(REQUESTS)).isEqualTo(6);
        assertThat(ledger.spent("key:ci").requests()).isEqualTo(6);
    }

    private static void execute(String url, String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    @Test
    void aDamagedOrNewerLedgerIsNotTouched() throws Exception {
        Path broken = data.resolve("broken.db");
        Files.writeString(broken, "this is not a database, but it is long enough to be looked at".repeat(100));
        byte[] before = Files.readAllBytes(broken);
        assertThatThrownBy(() -> Ledger.open(broken, PRICES, Duration.ofHours(1), time))
                .isInstanceOf(LedgerException.class)
                .hasMessageContaining("could not open the ledger " + broken)
                .hasMessageContaining("restore a copy");
        assertThat(Files.readAllBytes(broken)).isEqualTo(before);
    }

    private void reopen() {
        ledger.close();
        ledger = Ledger.open(data.resolve("ledger.db"), PRICES, Duration.ofDays(2), time);
    }

    private Amounts total() {
        return ledger.bill(BillQuery.by(BillQuery.By.AGENT)).total();
    }

    private Amounts between(Optional<Instant> since, Optional<Instant> until) {
        return ledger.bill(new BillQuery(BillQuery.By.VM, "", since, until, Optional.empty(), Optional.empty()))
                .total();
    }

    private Amounts line(BillQuery.By by, String name) {
        return ledger.bill(BillQuery.by(by)).lines().stream()
                .filter(line -> line.name().equals(name))
                .findFirst()
                .orElseThrow()
                .amounts();
    }

    private static Account account(String vm) {
        return new Account(vm, "researcher-" + vm, "researcher", Map.of("team", "search"), "ci");
    }
}
