package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.BillInfo;
import dev.tinyvm.sdk.BillRequest;
import dev.tinyvm.sdk.UsageAmounts;
import dev.tinyvm.sdk.VmInfo;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The bill of real walls, over the death of their manager. */
@NeedsWalls
class BillOfTheWallTest {
    private static final long SECOND_MICROS = 1_000_000;

    @Test
    void aBusyTinyVmIsBilledWhatItsCgroupCounted() throws Exception {
        try (Product product = Product.start()) {
            VmInfo vm = product.create(
                    "cpu: 0.5, memory: 32Mi",
                    "  command: [sh, -c, \"while :; do :; done\"]\n  restart: {policy: never}\n");
            String id = vm.id();
            Product.eventually(
                    () -> "it has used a second",
                    () -> product.client().stats(id).cpuMicros() > SECOND_MICROS);
            long before = product.client().stats(id).cpuMicros();
            long billed = billed(product, id).cpuMicros();
            long after = product.client().stats(id).cpuMicros();
            assertThat(billed).isBetween(before - SECOND_MICROS, after + SECOND_MICROS);

            Product.kill(product.managerPid());
            Thread.sleep(1_500); // it goes on without a manager, and that is to be billed
            product.upAgain();
            product.client().pause(id);
            long counted = product.client().stats(id).cpuMicros();
            UsageAmounts frozen = billed(product, id);
            assertThat(frozen.cpuMicros())
                    .as("to the microsecond once it stands still")
                    .isEqualTo(counted);
            assertThat(counted).isGreaterThan(after + SECOND_MICROS / 2);
            assertThat(frozen.activeMillis()).isGreaterThan(counted / 1_000);
            assertThat(frozen.activeKibSeconds()).isPositive();

            product.client().remove(id);
            assertThat(billed(product, id).cpuMicros())
                    .as("its lines outlive it")
                    .isEqualTo(counted);
            assertThat(product.cli("bill", "--by", "vm").expectSuccess().output())
                    .contains(id)
                    .contains("total");
        }
    }

    private static UsageAmounts billed(Product product, String id) {
        BillInfo bill = product.client()
                .bill(new BillRequest("vm", Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(id)));
        return bill.total();
    }
}
