package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TurnsTest {
    private final Turns turns = new Turns("tiny");

    @Test
    void oneAfterAnotherInTheOrderInWhichTheyCame() {
        List<Integer> order = Collections.synchronizedList(new ArrayList<>());
        IntStream.range(0, 100).forEach(i -> turns.post(() -> order.add(i)));
        assertThat(turns.<Integer>call(order::size)).isEqualTo(100);
        assertThat(order)
                .containsExactlyElementsOf(IntStream.range(0, 100).boxed().toList());
    }

    @Test
    void whoWaitsForATurnThatNeverComesIsTold() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        turns.post(() -> {
            begun.countDown();
            awaitQuietly(goOn);
            over.countDown();
        });
        begun.await();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Boolean>> waiting = IntStream.range(0, 50)
                    .mapToObj(i -> threads.submit(() -> turns.call(() -> true)))
                    .toList();
            // Some wait already, some come while it closes, some after.
            turns.close();
            for (Future<Boolean> one : waiting) {
                assertThatThrownBy(() -> one.get(60, TimeUnit.SECONDS))
                        .isInstanceOf(ExecutionException.class)
                        .cause()
                        .isInstanceOfSatisfying(
                                ManagerException.class,
                                e -> assertThat(e.code()).isEqualTo(ManagerException.Code.UNAVAILABLE));
            }
            goOn.countDown();
        }
        assertThat(over.await(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aTurnThatFailsTellsItsCallerAndTheNextOneRuns() {
        assertThatThrownBy(() -> turns.call(() -> {
                    throw new IllegalStateException("no");
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no");
        assertThat(turns.<Integer>call(() -> 7)).isEqualTo(7);
    }

    @Test
    void aTurnThatWaitsForItselfIsRefused() {
        assertThatThrownBy(() -> turns.call(() -> turns.call(() -> true)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("waits for itself");
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
