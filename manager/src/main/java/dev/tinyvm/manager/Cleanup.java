package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Destroys machines; when the wall cannot do it just now (its spawner is being restarted), tries again until it has. */
final class Cleanup {
    private static final Logger LOG = LoggerFactory.getLogger(Cleanup.class);
    private static final Duration FIRST = Duration.ofMillis(200);
    private static final Duration LONGEST = Duration.ofSeconds(30);

    private final Timing timing;
    private final Store store;
    private final Events events;
    private volatile boolean closed;

    Cleanup(Timing timing, Store store, Events events) {
        this.timing = timing;
        this.store = store;
        this.events = events;
    }

    /** Runs {@code gone} once nothing is left: at once, or later when the first try fails. */
    void destroy(VmRecord vm, Machine machine, Runnable gone) {
        destroy(vm, machine, gone, FIRST);
    }

    void close() {
        closed = true;
    }

    private void destroy(VmRecord vm, Machine machine, Runnable gone, Duration wait) {
        try {
            machine.destroy();
        } catch (EngineException e) {
            if (closed) {
                return;
            }
            LOG.warn("could not remove the machine of {}: {}", vm.name(), e.getMessage());
            if (wait.equals(FIRST)) {
                store.submitUnwatched(List.of(events.about(
                        vm,
                        "vm.cleanup-delayed",
                        "its machine could not be removed yet: " + e.getMessage(),
                        Map.of())));
            }
            Duration longer = wait.multipliedBy(2);
            timing.after(
                    wait,
                    () -> Thread.ofVirtual()
                            .name(vm.id() + "-cleanup")
                            .start(() -> destroy(vm, machine, gone, longer.compareTo(LONGEST) > 0 ? LONGEST : longer)));
            return;
        }
        gone.run();
    }
}
