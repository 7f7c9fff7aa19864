package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.sdk.VmFilter;
import dev.tinyvm.sdk.VmInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Manager, spawner, supervisor and guests are killed with SIGKILL at random moments while work goes on. {@code -Drounds=200} for the long run;
 * {@code -Dseed=N} repeats one.
 */
@NeedsWalls
class FaultTest {
    /** A spawner's block of uids is 2^28 long, and its number names its cgroups: spec/spawner-protocol.md. */
    private static final int BLOCK_BITS = 28;

    private static final int ROUNDS = Integer.getInteger("rounds", 6);
    private static final long SEED = Long.getLong("seed", System.nanoTime());

    @Test
    @Timeout(value = 3, unit = TimeUnit.HOURS) // the long run by hand; each wait inside has a deadline of its own
    void killedAtRandomMomentsNothingIsLostAndNothingLeaks() throws Exception {
        Random random = new Random(SEED);
        Product product = Product.start();
        String block = "tinyvm-" + (product.managerUid() >> BLOCK_BITS);
        try {
            List<VmInfo> steady = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                steady.add(product.create(
                        "cpu: 0.2, memory: 32Mi",
                        "  command: [sh, -c, \"i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done\"]\n"));
            }
            List<Long> pids = steady.stream().map(VmInfo::hostPid).toList();
            for (int round = 0; round < ROUNDS; round++) {
                String what = new String[] {"manager", "spawner", "supervisor", "guest"}
                        [round < 4 ? round : random.nextInt(4)];
                AtomicBoolean stop = new AtomicBoolean();
                AtomicInteger made = new AtomicInteger();
                Product current = product;
                Thread churn = Thread.ofVirtual().start(() -> churn(current, stop, made));
                Thread.sleep(random.nextInt(400));
                switch (what) {
                    case "manager" -> Product.kill(product.managerPid());
                    case "spawner" ->
                        spawners(product).stream().skip(1).findFirst().ifPresent(FaultTest::killHard);
                    case "supervisor" -> spawners(product).stream().findFirst().ifPresent(FaultTest::killHard);
                    default -> {
                        VmInfo victim = product.create("cpu: 0.2, memory: 32Mi", "  restart: {policy: never}\n");
                        Product.kill(victim.hostPid());
                        Product.eventually(
                                () -> victim.id() + " is seen as ended",
                                () -> current.client().vm(victim.id()).ended());
                        product.client().remove(victim.id());
                    }
                }
                stop.set(true);
                churn.join();
                if (what.equals("manager")) {
                    product.upAgain();
                }
                check(product, steady, pids, "round " + round + " (" + what + ", seed " + SEED + ")");
            }
            for (VmInfo vm : steady) {
                String name = vm.id();
                Product now = product;
                Product.eventually(
                        () -> "the log of " + name + " has lines",
                        () -> lines(now, name).size() > 5);
                List<Integer> numbers = lines(product, name);
                for (int i = 1; i < numbers.size(); i++) {
                    assertThat(numbers.get(i))
                            .as("seed %d: no line lost or doubled", SEED)
                            .isEqualTo(numbers.get(i - 1) + 1);
                }
            }
        } finally {
            product.close();
        }
        Product.eventually(
                () -> "seed " + SEED + ": nothing is left of " + traces(product, block),
                () -> traces(product, block).isEmpty());
    }

    /** What is left of this product on the host: its uid block names its cgroups, its data directory is in every command line and loop file. */
    private static List<String> traces(Product product, String block) {
        String data = product.data().toString();
        List<String> traces = new ArrayList<>(Host.processesNaming(data));
        traces.addAll(Host.cgroupsNamed(block));
        traces.addAll(Host.loopsOver(data));
        return traces;
    }

    private static void check(Product product, List<VmInfo> steady, List<Long> pids, String when)
            throws InterruptedException {
        for (int i = 0; i < steady.size(); i++) {
            String id = steady.get(i).id();
            Product.eventually(() -> when + ": " + id + " runs", () -> {
                try {
                    return product.client().vm(id).state().equals("running")
                            && product.exec(id, "echo", "alive").stdoutText().equals("alive\n");
                } catch (TinyVmException e) {
                    return false;
                }
            });
            assertThat(product.client().vm(id).hostPid()).as(when).isEqualTo(pids.get(i));
        }
        Product.eventually(() -> when + ": only the steady ones are left of " + others(product, steady), () -> {
            others(product, steady).forEach(id -> {
                try {
                    product.client().remove(id);
                } catch (TinyVmException e) {
                    // It may be gone already, or on its way; the next look tells.
                }
            });
            return others(product, steady).isEmpty();
        });
    }

    private static List<String> others(Product product, List<VmInfo> steady) {
        Set<String> keep = Set.copyOf(steady.stream().map(VmInfo::id).toList());
        return product.client().vms(VmFilter.ALL).stream()
                .map(VmInfo::id)
                .filter(id -> !keep.contains(id))
                .toList();
    }

    private static void churn(Product product, AtomicBoolean stop, AtomicInteger made) {
        while (!stop.get()) {
            try {
                VmInfo vm = product.create("cpu: 0.1, memory: 16Mi");
                made.incrementAndGet();
                product.client().remove(vm.id());
            } catch (RuntimeException e) {
                // The manager or the spawner was killed under this request; what it left is checked after the round.
                if (stop.get()) {
                    return;
                }
            }
        }
    }

    private static List<Integer> lines(Product product, String vm) {
        return product.log(vm, -1).stream()
                .filter(line -> line.stream().equals("stdout"))
                .map(line -> Integer.parseInt(line.text().replace("line ", "").trim()))
                .toList();
    }

    /** Supervisor first, then the spawner itself. */
    private static List<Long> spawners(Product product) {
        return Host.processesNaming(product.data().toString()).stream()
                .filter(p -> p.contains("tinyvm-spawner"))
                .map(p -> Long.parseLong(p.substring(0, p.indexOf(' '))))
                .sorted()
                .toList();
    }

    private static void killHard(long pid) {
        try {
            Product.kill(pid);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
