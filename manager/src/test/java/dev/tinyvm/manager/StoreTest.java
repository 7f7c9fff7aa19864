package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.spec.Health;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Restart;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreTest {
    private static final Instant AT = Instant.parse("2026-03-01T12:00:00.123456Z");

    @TempDir
    Path data;

    @Test
    void everyFieldComesBack() {
        Restart restart = new Restart(
                Restart.Policy.ALWAYS,
                7,
                Duration.ofSeconds(61),
                Duration.ofMillis(1),
                Duration.ofNanos(5),
                OptionalLong.of(9));
        List<VmRecord> records = List.of(
                record(1, new Health.Exec(List.of("a", "b")), restart),
                record(2, new Health.Tcp(80), Restart.DEFAULT),
                record(3, new Health.Http(81, "/ü"), Restart.DEFAULT));
        try (Store store = open(Store.Gate.OPEN)) {
            store.start();
            store.write(records.stream().map(VmTable::put).toList());
            store.write(List.of(VmTable.put(records.getFirst())));
        }
        try (Store store = open(Store.Gate.OPEN)) {
            assertThat(VmTable.readAll(store)).isEqualTo(records);
            store.start();
            store.write(List.of(VmTable.delete("id1"), VmTable.delete("id3")));
        }
        try (Store store = open(Store.Gate.OPEN)) {
            assertThat(VmTable.readAll(store)).extracting(VmRecord::id).containsExactly("id2");
            store.start();
        }
    }

    @Test
    void whatComesWhileTheDiskIsBusySharesTheNextWrite() throws Exception {
        CountDownLatch busy = new CountDownLatch(1);
        CountDownLatch first = new CountDownLatch(1);
        AtomicInteger commits = new AtomicInteger();
        Store.Gate gate = new Store.Gate() {
            @Override
            public void afterCommit() {
                commits.incrementAndGet();
                first.countDown();
                try {
                    busy.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        };
        try (Store store = open(gate)) {
            store.start();
            List<CompletableFuture<Void>> all = new ArrayList<>();
            all.add(store.submit(List.of(VmTable.put(record(0, new Health.Tcp(1), Restart.DEFAULT)))));
            assertThat(first.await(60, TimeUnit.SECONDS)).isTrue();
            for (int i = 1; i <= 100; i++) {
                all.add(store.submit(List.of(VmTable.put(record(i, new Health.Tcp(1), Restart.DEFAULT)))));
            }
            assertThat(all).noneMatch(CompletableFuture::isDone);
            busy.countDown();
            all.forEach(Store::await);
            assertThat(commits.get()).isEqualTo(2);
        }
    }

    @Test
    void whatNobodyWaitsForSharesTheNextWriteAndGoesBeforeIt() {
        AtomicInteger commits = new AtomicInteger();
        Store.Gate gate = new Store.Gate() {
            @Override
            public void afterCommit() {
                commits.incrementAndGet();
            }
        };
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        try (Store store = open(gate)) {
            store.start();
            // Time stands still for nobody: only that the order holds, and that fewer writes than submissions are made.
            for (int i = 0; i < 50; i++) {
                String number = Integer.toString(i);
                store.submitUnwatched(List.of(_ -> order.add("later " + number)));
                store.write(List.of(_ -> order.add("now " + number)));
            }
            assertThat(order)
                    .containsExactlyElementsOf(IntStream.range(0, 50)
                            .boxed()
                            .flatMap(i -> Stream.of("later " + i, "now " + i))
                            .toList());
            assertThat(commits.get()).isLessThan(100);
        }
    }

    @Test
    void whatNobodyWaitsForIsStoredWithoutCompanyToo() throws Exception {
        CountDownLatch stored = new CountDownLatch(1);
        Store.Gate gate = new Store.Gate() {
            @Override
            public void afterCommit() {
                stored.countDown();
            }
        };
        Store store = open(gate);
        store.start();
        store.submitUnwatched(List.of(VmTable.put(record(1, new Health.Tcp(1), Restart.DEFAULT))));
        assertThat(stored.await(60, TimeUnit.SECONDS)).isTrue();
        store.submitUnwatched(List.of(VmTable.put(record(2, new Health.Tcp(1), Restart.DEFAULT))));
        store.close();
        try (Store next = open(Store.Gate.OPEN)) {
            assertThat(VmTable.readAll(next)).extracting(VmRecord::id).containsExactly("id1", "id2");
            next.start();
        }
    }

    @Test
    void aFailedWriteIsReportedAndTheNextOneWorks() {
        try (Store store = open(Store.Gate.OPEN)) {
            store.start();
            AtomicInteger rolledBack = new AtomicInteger();
            Change broken = new Change() {
                @Override
                public void apply(Statements statements) throws SQLException {
                    throw new SQLException("no room");
                }

                @Override
                public void rolledBack() {
                    rolledBack.incrementAndGet();
                }
            };
            VmRecord record = record(1, new Health.Tcp(1), Restart.DEFAULT);
            assertThatThrownBy(() -> store.write(List.of(VmTable.put(record), broken)))
                    .isInstanceOf(ManagerException.class)
                    .hasMessageContaining("no room");
            assertThat(rolledBack.get()).isEqualTo(1);
            store.write(List.of(VmTable.put(record(2, new Health.Tcp(1), Restart.DEFAULT))));
        }
        try (Store store = open(Store.Gate.OPEN)) {
            assertThat(VmTable.readAll(store)).extracting(VmRecord::id).containsExactly("id2");
            store.start();
        }
    }

    @Test
    void aClosedStoreRefuses() {
        Store store = open(Store.Gate.OPEN);
        store.start();
        store.close();
        store.close();
        assertThatThrownBy(() -> store.write(List.of(VmTable.delete("x"))))
                .isInstanceOfSatisfying(
                        ManagerException.class, e -> assertThat(e.code()).isEqualTo(ManagerException.Code.UNAVAILABLE));
    }

    @Test
    void closingWhileOthersWriteAnswersEverybody() throws Exception {
        for (int round = 0; round < 100; round++) {
            Store store = open(Store.Gate.OPEN);
            store.start();
            ConcurrentLinkedQueue<CompletableFuture<Void>> all = new ConcurrentLinkedQueue<>();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                threads.add(Thread.ofPlatform().start(() -> {
                    for (int n = 0; n < 20; n++) {
                        all.add(store.submit(List.of(VmTable.delete("x"))));
                    }
                }));
            }
            store.close();
            for (Thread thread : threads) {
                thread.join();
            }
            for (CompletableFuture<Void> one : all) {
                assertThat(one.handle((_, failure) -> failure == null || failure instanceof ManagerException)
                                .get(60, TimeUnit.SECONDS))
                        .isTrue();
            }
        }
    }

    @Test
    void aDamagedFileIsSaidSo() throws Exception {
        Files.writeString(data.resolve("manager.db"), "this is no database, it only looks like a file of some length");
        assertThatThrownBy(() -> open(Store.Gate.OPEN))
                .isInstanceOf(ManagerException.class)
                .hasMessageContaining("manager.db")
                .hasMessageContaining("restore a copy");
    }

    @Test
    void aStateOfANewerVersionIsRefused() throws Exception {
        try (var connection = DriverManager.getConnection("jdbc:sqlite:" + data.resolve("manager.db"));
                var statement = connection.createStatement()) {
            statement.execute("PRAGMA user_version = 99");
        }
        assertThatThrownBy(() -> open(Store.Gate.OPEN))
                .isInstanceOf(ManagerException.class)
                .hasMessageContaining("newer TinyVM (state version 99");
    }

    @Test
    void itIsAWriteAheadLogWithFullSync() throws Exception {
        try (Store store = open(Store.Gate.OPEN)) {
            assertThat(store.read("PRAGMA journal_mode", row -> row.getString(1)))
                    .containsExactly("wal");
            assertThat(store.read("PRAGMA synchronous", row -> row.getInt(1))).containsExactly(2);
            store.start();
        }
    }

    private Store open(Store.Gate gate) {
        return Store.open(data.resolve("manager.db"), gate);
    }

    private static VmRecord record(int number, Health.Check check, Restart restart) {
        Health health = new Health(check, Duration.ofSeconds(1), Duration.ofSeconds(2), Duration.ofSeconds(3), 4);
        return new VmRecord(
                number,
                "id" + number,
                "name" + number,
                "agent",
                number,
                number % 2 == 0,
                "ci",
                "f00",
                AT,
                Fixture.agent("some", Resources.DEFAULT, restart, Optional.of(health), "run", "ü\n"),
                Map.of("k", "v"),
                number == 2 ? Optional.empty() : Optional.of(new Deadline(AT, Deadline.Action.PAUSE)),
                new VmRecord.Placement("container", "because", 4, "sha256-" + number),
                VmRecord.Phase.of(VmState.RUNNING)
                        .with(VmState.FAILED, "Error", "it broke")
                        .started(AT)
                        .ended(AT)
                        .exited(Optional.of(3), Optional.empty()),
                new VmRecord.History(5, "4.1", List.of(AT, AT.plusSeconds(1))));
    }
}
