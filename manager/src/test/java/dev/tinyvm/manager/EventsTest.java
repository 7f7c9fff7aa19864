package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.manager.Manager.Event;
import dev.tinyvm.manager.Manager.EventStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventsTest {
    private static final int KEPT = 50;

    @TempDir
    Path data;

    private Store store;
    private Events events;

    @BeforeEach
    void open() {
        store = Store.open(data.resolve("manager.db"), Store.Gate.OPEN);
        events = new Events(store, new ManualTiming(), KEPT);
        store.start();
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void theyAreNumberedOneByOneAndComeAfterWhatWasSeen() throws Exception {
        add(5);
        assertThat(read(0)).extracting(Event::sequence).containsExactly(1L, 2L, 3L, 4L, 5L);
        assertThat(read(3)).extracting(Event::message).containsExactly("number 3", "number 4");
        assertThat(read(5)).isEmpty();
    }

    @Test
    void aFollowerGetsThemAsTheyHappen() throws Exception {
        try (EventStream stream = events.stream(0, true)) {
            assertThat(stream.next(Duration.ZERO)).isEmpty();
            assertThat(stream.ended()).isFalse();
            add(1);
            assertThat(stream.next(Fixture.PATIENCE).map(Event::sequence)).contains(1L);
            events.close();
            assertThat(stream.next(Fixture.PATIENCE)).isEmpty();
            assertThat(stream.ended()).isTrue();
        }
    }

    @Test
    void aSlowFollowerIsToldWhatItMissedAndHoldsNobodyUp() throws Exception {
        try (EventStream stream = events.stream(0, true)) {
            add(2);
            assertThat(stream.next(Fixture.PATIENCE).map(Event::sequence)).contains(1L);
            add(3 * KEPT);
            Event missed = stream.next(Fixture.PATIENCE).orElseThrow();
            assertThat(missed.type()).isEqualTo("overflow");
            assertThat(missed.attributes()).containsEntry("missed", Integer.toString(2 * KEPT + 1));
            assertThat(stream.next(Fixture.PATIENCE).map(Event::sequence)).contains(2L * KEPT + 3);
        }
    }

    @Test
    void theLastOnesAreKeptOverARestartAndTheNumbersGoOn() throws Exception {
        add(1_100);
        store.close();
        open();
        assertThat(read(0)).hasSize(KEPT).last().extracting(Event::sequence).isEqualTo(1_100L);
        add(1);
        assertThat(read(1_100)).extracting(Event::sequence).containsExactly(1_101L);
        store.close();
        store = Store.open(data.resolve("manager.db"), Store.Gate.OPEN);
        assertThat(store.read("SELECT count(*) FROM events", row -> row.getInt(1))
                        .getFirst())
                .isLessThan(KEPT + 501);
        store.start();
    }

    private void add(int count) {
        List<Change> changes = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            changes.add(events.about("agent", "test", "number " + i, Map.of("i", Integer.toString(i))));
        }
        store.write(changes);
    }

    private List<Event> read(long after) throws InterruptedException {
        List<Event> all = new ArrayList<>();
        try (EventStream stream = events.stream(after, false)) {
            for (Optional<Event> e = stream.next(Fixture.PATIENCE); e.isPresent(); e = stream.next(Fixture.PATIENCE)) {
                all.add(e.get());
            }
            assertThat(stream.ended()).isTrue();
        }
        return all;
    }
}
