package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.Resources;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class AdmissionTest {
    private static final long GIB = 1L << 30;

    private final Admission admission = new Admission(new Capacity(4_000, GIB));
    private final List<String> granted = new ArrayList<>();

    @Test
    void aGivenCapacityCountsExactlyAndAnotherIsOvercommitted() {
        ManagerSettings settings = ManagerSettings.of(ManagerConfig.DEFAULT, "test");
        assertThat(Capacity.of(settings, 2, 24 * GIB)).isEqualTo(new Capacity(32_000, 46 * GIB));
        assertThat(Capacity.of(settings.withCapacity(OptionalInt.of(4_000), OptionalLong.empty()), 2, 24 * GIB))
                .isEqualTo(new Capacity(4_000, 46 * GIB));
        assertThat(Capacity.of(settings).cpuMillis()).isPositive();
        assertThatThrownBy(() -> new ManagerSettings(
                        "",
                        OptionalInt.empty(),
                        OptionalLong.empty(),
                        0.5,
                        2,
                        List.of(),
                        settings.logs(),
                        settings.ledger(),
                        0,
                        1,
                        1))
                .hasMessageContaining("at least 1");
    }

    @Test
    void nobodyOvertakesTheFirstInTheQueue() {
        assertThat(admission.tryAdmit("a", size(2_000, 16))).isTrue();
        assertThat(admission.tryAdmit("b", size(2_000, 16))).isTrue();
        wait("big", size(4_000, 16));
        assertThat(admission.tryAdmit("small", size(100, 16))).isFalse();
        wait("small", size(100, 16));
        admission.release("a");
        assertThat(granted).isEmpty();
        assertThat(admission.waiting("small").orElseThrow().message()).endsWith("number 2 of 2 in the queue");
        admission.release("b");
        assertThat(granted).containsExactly("big");
        admission.release("big");
        assertThat(granted).containsExactly("big", "small");
    }

    @Test
    void lentCpuAdmitsOthersAndIsTakenBackWithoutAsking() {
        assertThat(admission.tryAdmit("a", size(4_000, 16))).isTrue();
        wait("b", size(4_000, 16));
        admission.lendCpu("a");
        admission.lendCpu("a");
        assertThat(granted).containsExactly("b");
        assertThat(admission.tryAdmit("c", size(100, 16))).isFalse();
        admission.takeCpuBack("a");
        admission.takeCpuBack("a");
        assertThat(admission.totals().cpuMillisPromised()).isEqualTo(8_000);
        assertThat(admission.totals().memoryBytesPromised()).isEqualTo(32L << 20);
        admission.release("b");
        assertThat(admission.tryAdmit("c", size(100, 16))).isFalse();
        admission.lendCpu("a");
        admission.resize("a", size(2_000, 16));
        assertThat(admission.totals().cpuMillisPromised()).isZero();
        admission.takeCpuBack("a");
        assertThat(admission.totals().cpuMillisPromised()).isEqualTo(2_000);
        admission.lendCpu("a");
        admission.release("a");
        assertThat(admission.totals().cpuMillisPromised()).isZero();
        assertThat(admission.tryAdmit("d", size(4_000, 16))).isTrue();
    }

    @Test
    void atMostSixteenTimesTheCapacityIsAdmittedHoweverMuchIsLent() {
        for (int i = 0; i < 64; i++) {
            assertThat(admission.tryAdmit("lender-" + i, size(1_000, 8))).isTrue();
            admission.lendCpu("lender-" + i);
        }
        assertThat(admission.totals().cpuMillisPromised()).isZero();
        assertThat(admission.tryAdmit("more", size(100, 16))).isFalse();
        admission.release("lender-0");
        assertThat(admission.tryAdmit("more", size(1_000, 16))).isTrue();
    }

    @Test
    void theReasonNamesWhatIsMissing() {
        admission.admitRunning("a", size(3_500, 1_000));
        assertThat(admission.refusal(size(1_000, 16)))
                .isEqualTo(new Admission.Wait("InsufficientCpu", "needs 1 core; 0.5 of 4 are free; nobody waits"));
        assertThat(admission.refusal(size(500, 64)))
                .isEqualTo(new Admission.Wait(
                        "InsufficientMemory", "needs 64Mi of memory; 24Mi of 1Gi are free; nobody waits"));
    }

    @Test
    void whatNeverFitsIsRefusedWithTheFigures() {
        assertThatThrownBy(() -> admission.requireEverFits(size(5_000, 16)))
                .hasMessageContaining("5 cores")
                .hasMessageContaining("4 cores in all");
        assertThatThrownBy(() -> admission.requireEverFits(size(100, 2_048)))
                .hasMessageContaining("2Gi")
                .hasMessageContaining("1Gi in all");
        admission.requireEverFits(size(4_000, 1_024));
    }

    @Test
    void growthNeedsRoomAndShrinkingMakesIt() {
        admission.admitRunning("a", size(3_000, 16));
        wait("b", size(2_000, 16));
        assertThatThrownBy(() -> admission.resize("a", size(4_100, 16))).hasMessageContaining("1.1 cores more");
        admission.resize("a", size(2_000, 16));
        assertThat(granted).containsExactly("b");
        assertThat(admission.totals().cpuMillisPromised()).isEqualTo(4_000);
        admission.release("a");
        admission.release("a");
        assertThat(admission.totals().cpuMillisPromised()).isEqualTo(2_000);
        admission.close();
        assertThat(admission.tryAdmit("c", size(100, 16))).isFalse();
    }

    private void wait(String vm, Resources resources) {
        admission.enqueue(vm, resources, () -> granted.add(vm));
    }

    private static Resources size(int cpuMillis, int memoryMiB) {
        return Fixture.size(cpuMillis, memoryMiB);
    }
}
