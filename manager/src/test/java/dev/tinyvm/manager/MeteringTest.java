package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.ledger.Account;
import dev.tinyvm.ledger.Amounts;
import dev.tinyvm.ledger.Bill;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.BillQuery.By;
import dev.tinyvm.ledger.LlmUse;
import dev.tinyvm.ledger.Measure;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Budget;
import dev.tinyvm.spec.LedgerPrices;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.Restart;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the manager tells the ledger. */
class MeteringTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path data;

    private Fixture fixture;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void timeIsCountedByItsStateAndCpuByTheMachinesCounter() {
        String id = fixture.run("sleep", "1000").id();
        cpu(id, 0);
        assertThat(line(id).get(Measure.CPU_MICROS)).isZero();
        seconds(10);
        fixture.manager.pause(id);
        seconds(100);
        fixture.manager.resume(id);
        cpu(id, 2_500_000);
        seconds(5);
        fixture.manager.stop(id);
        seconds(1_000);
        Amounts amounts = line(id);
        assertThat(amounts.get(Measure.ACTIVE_MILLIS)).isEqualTo(15_000);
        assertThat(amounts.get(Measure.PAUSED_MILLIS)).isEqualTo(100_000);
        assertThat(amounts.get(Measure.CPU_MICROS)).isEqualTo(2_500_000);
        assertThat(amounts.get(Measure.ACTIVE_KIB_SECONDS)).isEqualTo(15 * 1_024);
        assertThat(amounts.get(Measure.PAUSED_KIB_SECONDS)).isEqualTo(100 * 1_024);
    }

    @Test
    void nothingIsCountedTwiceOrLostWhenTheNextManagerTakesOver() {
        String id = fixture.run("sleep", "1000").id();
        cpu(id, 1_000_000);
        seconds(10);
        for (int i = 2; i < 6; i++) {
            fixture.closeManager();
            seconds(7); // no manager is there, the machine goes on
            cpu(id, i * 1_000_000L);
            fixture.openAgain();
            assertThat(line(id).get(Measure.CPU_MICROS)).isEqualTo(i * 1_000_000L);
            assertThat(line(id).get(Measure.ACTIVE_MILLIS)).isEqualTo(10_000 + (i - 1) * 7_000L);
        }
        fixture.manager.pause(id);
        fixture.closeManager();
        seconds(50);
        fixture.openAgain();
        assertThat(line(id).get(Measure.PAUSED_MILLIS)).isEqualTo(50_000);
        assertThat(line(id).get(Measure.ACTIVE_MILLIS)).isEqualTo(38_000);
    }

    @Test
    void aMachineThatEndedWhileNoManagerWasThereIsBilledToItsLastCounter() {
        String id = fixture.run("sleep", "1000").id();
        cpu(id, 1_000_000);
        seconds(10);
        fixture.closeManager();
        cpu(id, 9_000_000);
        fixture.host.vm(id).crash();
        seconds(1_000);
        fixture.openAgain();
        fixture.awaitState(id, VmState.FAILED);
        assertThat(line(id).get(Measure.CPU_MICROS)).isEqualTo(9_000_000);
        assertThat(line(id).get(Measure.ACTIVE_MILLIS))
                .as("up to the last sign of life of the manager before")
                .isEqualTo(10_000);
    }

    @Test
    void everyMachineOfATinyVmHasACounterOfItsOwn() {
        Restart always = new Restart(
                Restart.Policy.ALWAYS,
                5,
                Duration.ofMinutes(1),
                Duration.ofSeconds(1),
                Duration.ofMinutes(1),
                OptionalLong.empty());
        String id = fixture.create(Fixture.agent("", always, "sleep", "1000")).id();
        cpu(id, 3_000_000);
        seconds(2);
        fixture.host.vm(id).crash();
        fixture.awaitState(id, VmState.STARTING);
        seconds(1);
        fixture.awaitState(id, VmState.RUNNING);
        cpu(id, 2_000_000);
        seconds(2);
        assertThat(line(id).get(Measure.CPU_MICROS)).isEqualTo(5_000_000);
        assertThat(line(id).get(Measure.ACTIVE_MILLIS))
                .as("there is no machine while it waits for its restart")
                .isEqualTo(4_000);
    }

    @Test
    void theLinesOfARemovedOneStayInTheBill() {
        String id = fixture.run("sleep", "1000").id();
        cpu(id, 1_234);
        seconds(1);
        fixture.manager.remove(id);
        fixture.reopen();
        assertThat(line(id).get(Measure.CPU_MICROS)).isEqualTo(1_234);
        assertThat(fixture.manager
                        .bill(new BillQuery(
                                By.LABEL,
                                "team",
                                java.util.Optional.empty(),
                                java.util.Optional.empty(),
                                java.util.Optional.empty(),
                                java.util.Optional.of(id)))
                        .lines())
                .extracting(Bill.Line::name)
                .containsExactly("test");
    }

    @Test
    void theBillKnowsWhoseKeyMadeATinyVmOrItsAgent() {
        String id = fixture.manager
                .create(Manager.CreateRequest.of(Fixture.agent("", Fixture.NO_RESTART, "sleep", "1000"))
                        .ownedBy("ci"))
                .id();
        fixture.manager.apply(Fixture.agent("spender", Fixture.NO_RESTART, "sleep", "1000"), "alice");
        fixture.awaitState("spender-0", VmState.RUNNING);
        seconds(5);
        fixture.reopen();
        fixture.manager.scale("spender", 2);
        fixture.awaitState("spender-1", VmState.RUNNING);
        seconds(5);
        assertThat(fixture.manager.bill(BillQuery.by(By.KEY)).lines())
                .extracting(line -> line.name() + " " + line.amounts().get(Measure.ACTIVE_MILLIS))
                .containsExactly("alice 15000", "ci 10000");
        fixture.manager.remove(id);
    }

    @Test
    void aBusyMachineIsReadEachSecondWithoutBeingAsked() {
        String id = fixture.run("sleep", "1000").id();
        seconds(3);
        cpu(id, 777);
        Fixture.eventually(
                () -> fixture.ledger.bill(BillQuery.by(By.VM)).total().get(Measure.CPU_MICROS) == 777,
                "the round of the meters");
    }

    @Test
    void anIdleVmWaitingOnTheLlmIsNotBilled() {
        fixture.close();
        LedgerPrices prices = new LedgerPrices(
                BigDecimal.ONE,
                BigDecimal.ONE,
                BigDecimal.ONE,
                BigDecimal.ZERO,
                BigDecimal.ZERO,
                BigDecimal.ZERO,
                BigDecimal.ZERO,
                BigDecimal.ONE);
        fixture = new Fixture(data.resolve("priced"), priced(prices));
        String id = fixture.run("sleep", "1000").id();
        try (VmActivity.ModelCall call = fixture.manager.activity().modelCall(id)) {
            fixture.awaitWaiting(id);
            Amounts before = line(id);
            seconds(3_600);
            Amounts after = line(id);
            assertThat(after.get(Measure.WAITING_MILLIS) - before.get(Measure.WAITING_MILLIS))
                    .isEqualTo(3_600_000);
            assertThat(after.get(Measure.ACTIVE_MILLIS)).isEqualTo(before.get(Measure.ACTIVE_MILLIS));
            assertThat(after.nanoUsd()).isEqualTo(before.nanoUsd());
            call.answered();
        }
        long billed = line(id).nanoUsd();
        seconds(10);
        assertThat(line(id).nanoUsd() - billed)
                .as("10 s of wall time and 1 MiB for as long, when it runs again")
                .isEqualTo(10_000_000_000L + 10 * 1_000_000_000L / 1_024);
    }

    @Test
    void aBudgetThatIsUsedUpStopsAllTinyVmsOfTheAgent() {
        fixture.manager.apply(budgeted("1.00"));
        fixture.awaitState("spender-0", VmState.RUNNING);
        fixture.awaitState("spender-1", VmState.RUNNING);
        String other = fixture.run("sleep", "1000").id();
        spend("spender-0", 999_999_999);
        assertThat(fixture.state("spender-0")).isEqualTo(VmState.RUNNING);
        spend("spender-1", 1);
        for (String vm : List.of("spender-0", "spender-1")) {
            fixture.awaitState(vm, VmState.STOPPED);
            assertThat(fixture.manager.vm(vm).reason()).isEqualTo("BudgetExceeded");
            assertThat(fixture.manager.vm(vm).message())
                    .isEqualTo(
                            "its budget of 1.00 USD is used up (1.00 USD so far); raise budget.usd in the descriptor to go on");
            assertThat(fixture.eventTypes(vm)).contains("vm.budget-exceeded");
            assertThatThrownBy(() -> fixture.manager.start(vm)).hasMessageContaining("could not start " + vm);
        }
        assertThat(fixture.state(other)).isEqualTo(VmState.RUNNING);
        fixture.reopen();
        assertThat(fixture.state("spender-0")).isEqualTo(VmState.STOPPED);
        assertThatThrownBy(() -> fixture.manager.start("spender-0")).hasMessageContaining("is used up");
        fixture.manager.apply(budgeted("2.00"));
        Fixture.eventually(
                () -> fixture.manager.agent("spender").vms().stream()
                                .filter(vm -> vm.state() == VmState.RUNNING)
                                .count()
                        == 2,
                "a larger budget lets them run again");
    }

    @Test
    void anAgentThatIsRemovedAndMadeAgainHasItsWholeBudget() {
        fixture.manager.apply(budgeted("1.00"));
        fixture.awaitState("spender-0", VmState.RUNNING);
        spend("spender-0", 2_000_000_000);
        fixture.awaitState("spender-0", VmState.STOPPED);
        fixture.manager.removeAgent("spender");
        fixture.manager.apply(budgeted("1.00"));
        fixture.awaitState("spender-0", VmState.RUNNING);
        spend("spender-0", 500_000_000);
        assertThat(fixture.state("spender-0")).isEqualTo(VmState.RUNNING);
    }

    private static Agent budgeted(String usd) {
        Agent plain = Fixture.agent("spender", Fixture.NO_RESTART, "sleep", "1000");
        return new Agent(
                plain.metadata(),
                plain.spec()
                        .change()
                        .replicas(2)
                        .budget(new Budget(OptionalLong.of(
                                new BigDecimal(usd).movePointRight(9).longValueExact())))
                        .build());
    }

    private void spend(String vm, long nanoUsd) {
        String id = fixture.manager.vm(vm).id();
        fixture.ledger.llm(new Account(id, "", "", java.util.Map.of(), ""), "gpt-x", new LlmUse(1, 0, 1, nanoUsd));
    }

    private ManagerSettings priced(LedgerPrices prices) {
        ManagerSettings s = fixture.settings;
        return new ManagerSettings(
                s.version(),
                s.capacityCpuMillis(),
                s.capacityMemoryBytes(),
                s.cpuOvercommit(),
                s.memoryOvercommit(),
                s.volumeHostPaths(),
                s.logs(),
                new ManagerConfig.Ledger(prices, s.ledger().linesKept()),
                s.checkpointBytes(),
                s.endedVmsKept(),
                s.eventsKept());
    }

    private void seconds(long seconds) {
        fixture.timing.advance(Duration.ofSeconds(seconds));
    }

    private void cpu(String id, long micros) {
        fixture.host.vm(id).setStats(new MachineStats(micros, 0, MIB, MIB, 64 * MIB, 1, 0, 0, 0, 0, 16 * MIB, false));
    }

    private Amounts line(String id) {
        return fixture.manager.bill(BillQuery.by(By.VM)).lines().stream()
                .filter(line -> line.name().equals(id))
                .findFirst()
                .map(Bill.Line::amounts)
                .orElse(Amounts.NONE);
    }
}
