package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.VmInfo;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The seed of the idea: eight workers with half a core each on a budget of four; the ninth waits and is told why. */
@NeedsWalls
class WorkerTest {
    @Test
    void eightWorkersRunOnFourCoresAndTheNinthIsQueuedWithTheReason() throws Exception {
        Shell.run(Repository.ROOT, "examples/worker/prepare.sh").expectSuccess();
        try (Product product = Product.start("--capacity", "cpu=4", "--config", "examples/worker/tinyvm.yaml")) {
            product.cli("start", "examples/worker/agent.yaml", "--replicas", "9")
                    .expectSuccess();
            Product.eventually(
                    () -> "eight run and one is pending: " + states(product),
                    () -> states(product).stream().filter("running"::equals).count() == 8
                            && states(product).stream()
                                            .filter("pending"::equals)
                                            .count()
                                    == 1);
            VmInfo waiting = vms(product).stream()
                    .filter(vm -> vm.state().equals("pending"))
                    .findFirst()
                    .orElseThrow();
            assertThat(waiting.reason()).isEqualTo("InsufficientCpu");
            assertThat(waiting.message()).contains("0.5").contains("4");
            for (VmInfo vm : vms(product)) {
                if (vm.state().equals("running")) {
                    Product.eventually(
                            () -> vm.name() + " wrote its report",
                            () -> product.exec(vm.id(), "cat", "/home/user/report.json")
                                            .exitCode()
                                    == 0);
                }
            }
            String name = vms(product).getFirst().agent();
            product.cli("scale", name, "8").expectSuccess();
            Product.eventually(
                    () -> "eight are left: " + states(product),
                    () -> states(product).equals(java.util.Collections.nCopies(8, "running")));
        }
    }

    private static List<String> states(Product product) {
        return vms(product).stream().map(VmInfo::state).toList();
    }

    private static List<VmInfo> vms(Product product) {
        return product.client().agents().stream()
                .flatMap(agent -> agent.vms().stream())
                .toList();
    }
}
