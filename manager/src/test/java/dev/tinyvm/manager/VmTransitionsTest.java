package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.spec.Restart;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Walks every arrow of the table by the manager's own verbs; an arrow that nothing walks fails. */
class VmTransitionsTest {
    private static final Restart ALWAYS = new Restart(
            Restart.Policy.ALWAYS,
            5,
            Duration.ofMinutes(1),
            Duration.ofSeconds(1),
            Duration.ofSeconds(1),
            OptionalLong.empty());

    @TempDir
    Path data;

    @Test
    void everyArrowOfTheTableIsWalked() {
        try (Fixture f = new Fixture(data)) {
            // pending → stopped, stopped → pending, pending → starting → running → stopping → stopped → starting
            String big = f.create(Fixture.agent("big", Fixture.size(4_000, 64), Fixture.NO_RESTART, Optional.empty()))
                    .id();
            String queued = f.run().id();
            f.manager.stop(queued);
            f.manager.start(queued);
            f.manager.stop(big);
            f.awaitState(queued, VmState.RUNNING);
            f.manager.stop(queued);
            f.manager.start(queued);
            // running ⇄ paused → stopping, paused → failed
            f.manager.pause(queued);
            f.manager.resume(queued);
            f.manager.pause(queued);
            f.host.vm(queued).crash();
            f.awaitState(queued, VmState.FAILED);
            // failed → starting, and paused → stopping
            f.manager.start(queued);
            f.manager.pause(queued);
            f.manager.stop(queued);
            // running → stopped, running → failed, failed → pending
            f.manager.awaitEnd(f.run("true").id(), Fixture.PATIENCE);
            String failed = f.run("false").id();
            f.awaitState(failed, VmState.FAILED);
            f.manager.start("big");
            assertThat(f.manager.start(failed).state()).isEqualTo(VmState.PENDING);
            f.manager.stop("big");
            // running → starting → stopping
            String again = f.create(Fixture.agent("again", ALWAYS, "false")).id();
            f.awaitState(again, VmState.STARTING);
            f.manager.stop(again);
            // paused → starting, starting → failed
            String lost =
                    f.create(Fixture.agent("lost", ALWAYS, "sleep", "1000")).id();
            f.manager.pause(lost);
            f.host.vm(lost).crash();
            f.awaitState(lost, VmState.STARTING);
            f.host.failNextCreate(new EngineException(EngineException.Code.IMAGE, "the image is gone"));
            f.timing.advance(Duration.ofSeconds(1));
            f.awaitState(lost, VmState.FAILED);
            walkThoseOfWaiting(f);
        }
        Set<String> unwalked = new TreeSet<>();
        VmTransitions.table()
                .forEach((from, targets) -> targets.forEach(to -> {
                    if (!VmTransitions.seen().contains(new VmTransitions.Pair(from, to))) {
                        unwalked.add(from + " → " + to);
                    }
                }));
        assertThat(unwalked).isEmpty();
    }

    /** running ⇄ waiting → paused, stopping, failed, starting */
    private static void walkThoseOfWaiting(Fixture f) {
        String vm = f.run("sleep", "1000").id();
        VmActivity.ModelCall _ = f.manager.activity().modelCall(vm);
        f.awaitWaiting(vm);
        f.exec(vm, "true");
        f.awaitWaiting(vm);
        f.manager.pause(vm);
        f.manager.resume(vm);
        f.awaitWaiting(vm);
        f.manager.stop(vm);
        f.manager.start(vm);
        f.awaitWaiting(vm);
        f.host.vm(vm).crash();
        f.awaitState(vm, VmState.FAILED);
        String again = f.create(Fixture.agent("waits", ALWAYS, "sleep", "1000")).id();
        VmActivity.ModelCall _ = f.manager.activity().modelCall(again);
        f.awaitWaiting(again);
        f.host.vm(again).crash();
        f.awaitState(again, VmState.STARTING);
    }

    @Test
    void whatTheTableDoesNotHaveIsRefused() {
        for (VmState from : VmState.values()) {
            for (VmState to : VmState.values()) {
                boolean listed =
                        VmTransitions.table().getOrDefault(from, Set.of()).contains(to);
                if (!listed && from != to) {
                    assertThatThrownBy(() -> VmTransitions.check(from, to)).hasMessageContaining("no Tiny VM goes");
                }
            }
        }
    }
}
