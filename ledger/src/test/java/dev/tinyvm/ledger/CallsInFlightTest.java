package dev.tinyvm.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.spec.LedgerPrices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** LLM calls that are under way when the process ends: what is on disk then is what the next one finds. */
class CallsInFlightTest {
    private static final Account VM = new Account("vm-1", "one", "agent", Map.of(), "key");

    @TempDir
    Path data;

    private final ManualTime time = new ManualTime();
    private Ledger ledger;
    private int copies;

    @BeforeEach
    void open() {
        ledger = open(data.resolve("ledger.db"));
    }

    @AfterEach
    void close() {
        ledger.close();
    }

    @Test
    void aCallThatWasUnderWayIsBilledOnceByWhatWasKnown() throws Exception {
        LlmCall call = ledger.begin(VM, "m", new LlmUse(100, 0, 0, 7));
        ledger.sync();
        call.progress(new LlmUse(100, 0, 20, 9));
        assertThat(billed(ledger)).as("it is not billed while it is under way").isZero();
        Path killed = copy();
        for (int i = 0; i < 2; i++) {
            try (Ledger next = open(killed)) {
                assertThat(billed(next)).as("once, however often it is opened").isEqualTo(1);
                Spent spent = next.spent(Ledger.agentScope("agent"));
                assertThat(spent.tokens()).isEqualTo(120);
                assertThat(spent.llmNanoUsd()).isEqualTo(9);
                assertThat(spent.requests()).isEqualTo(1);
            }
        }
        call.ended(new LlmUse(101, 50, 30, 11));
        call.ended(new LlmUse(101, 50, 30, 11));
        call.progress(new LlmUse(999, 0, 0, 999));
        assertThat(ledger.spent(Ledger.vmScope("vm-1"))).isEqualTo(new Spent(1, 131, 11, 11));
        try (Ledger next = open(copy())) {
            assertThat(next.spent(Ledger.agentScope("agent")).tokens())
                    .as("what was known before it ended is not billed, too")
                    .isEqualTo(131);
        }
    }

    @Test
    void aCallThatNoProviderTookIsNotBilled() throws Exception {
        LlmCall call = ledger.begin(VM, "m", new LlmUse(100, 0, 0, 7));
        ledger.sync();
        call.dropped();
        assertThat(billed(ledger)).isZero();
        try (Ledger next = open(copy())) {
            assertThat(billed(next)).isZero();
        }
    }

    @Test
    void aCallOutlivesItsTinyVmAndAClientOutsideHasCallsToo() throws Exception {
        LlmCall inside = ledger.begin(VM, "m", new LlmUse(100, 0, 0, 7));
        LlmCall outside = ledger.begin(new Account("", "", "", Map.of(), "key"), "m", new LlmUse(10, 0, 0, 1));
        ledger.sync();
        ledger.forgetVm("vm-1");
        ledger.sync();
        try (Ledger next = open(copy())) {
            assertThat(billed(next)).isEqualTo(2);
            assertThat(next.spent(Ledger.keyScope("key")).tokens()).isEqualTo(110);
        }
        inside.ended(new LlmUse(100, 0, 5, 8));
        outside.ended(new LlmUse(10, 0, 5, 2));
        assertThat(billed(ledger)).isEqualTo(2);
        assertThat(ledger.spent(Ledger.keyScope("key")).llmNanoUsd()).isEqualTo(10);
    }

    @Test
    void aShortCallIsNeverWrittenAsUnderWay() throws Exception {
        for (int i = 0; i < 100; i++) {
            ledger.begin(VM, "m", new LlmUse(1, 0, 0, 1)).ended(new LlmUse(1, 0, 1, 2));
        }
        assertThat(billed(ledger)).isEqualTo(100);
        try (Ledger next = open(copy())) {
            assertThat(billed(next)).isEqualTo(100);
        }
    }

    /** The files as they are on disk now, as after a kill. */
    private Path copy() throws IOException {
        ledger.sync();
        Path directory = Files.createDirectory(data.resolve("copy-" + copies++));
        for (String name : new String[] {"ledger.db", "ledger.db-wal"}) {
            Files.copy(data.resolve(name), directory.resolve(name));
        }
        return directory.resolve("ledger.db");
    }

    private Ledger open(Path file) {
        return Ledger.open(file, LedgerPrices.FREE, Duration.ofDays(2), time);
    }

    private static long billed(Ledger ledger) {
        return ledger.bill(BillQuery.by(BillQuery.By.VM)).total().get(Measure.REQUESTS);
    }
}
