package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.ledger.Amounts;
import dev.tinyvm.ledger.Bill;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.BillQuery.By;
import dev.tinyvm.ledger.Measure;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.spec.Restart;
import java.nio.file.Path;
import java.time.Duration;
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
    void aBusyMachineIsReadEachSecondWithoutBeingAsked() {
        String id = fixture.run("sleep", "1000").id();
        seconds(3);
        cpu(id, 777);
        Fixture.eventually(
                () -> fixture.ledger.bill(BillQuery.by(By.VM)).total().get(Measure.CPU_MICROS) == 777,
                "the round of the meters");
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
