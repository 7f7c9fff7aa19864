package dev.tinyvm.manager;

import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.FakeEngine;
import dev.tinyvm.engine.FakeHost;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerTime;
import dev.tinyvm.manager.ImageCatalog.ImageInfo;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.Event;
import dev.tinyvm.manager.Manager.EventStream;
import dev.tinyvm.manager.Manager.LogLine;
import dev.tinyvm.manager.Manager.LogQuery;
import dev.tinyvm.manager.Manager.LogStream;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.Health;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.Metadata;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Restart;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** A manager over a host in memory, which can die and come back. */
final class Fixture implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofSeconds(Integer.getInteger("patience", 60));
    static final Restart NO_RESTART = new Restart(
            Restart.Policy.NEVER,
            5,
            Duration.ofMinutes(1),
            Duration.ofSeconds(1),
            Duration.ofMinutes(1),
            OptionalLong.empty());

    final FakeHost host = new FakeHost();
    final ManualTiming timing = new ManualTiming();
    final Images images = new Images();
    final Path data;
    ManagerSettings settings;
    FakeEngine engine;
    HostManager manager;
    Ledger ledger;

    Fixture(Path data) {
        this(
                data,
                ManagerSettings.of(ManagerConfig.DEFAULT, "test")
                        .withCapacity(OptionalInt.of(4_000), OptionalLong.of(1L << 30)));
    }

    /** What the next manager offers, see {@link #reopen}. */
    final List<LoopbackService> loopback = new ArrayList<>();

    Fixture(Path data, ManagerSettings settings) {
        this.data = data;
        this.settings = settings;
        this.engine = new FakeEngine(host);
        host.program("counter", self -> {
            for (int i = 0; ; i++) {
                self.out("line " + i + "\n");
                if (i % 50 == 0) {
                    self.sleep(Duration.ofMillis(1));
                }
            }
        });
        this.ledger = openLedger();
        this.manager = open(ledger, engine, Store.Gate.OPEN);
    }

    HostManager open(Engine wall, Store.Gate gate) {
        ledger = openLedger();
        return open(ledger, wall, gate);
    }

    private HostManager open(Ledger ledger, Engine wall, Store.Gate gate) {
        return HostManager.open(
                settings, data, Map.of(EngineKind.CONTAINER, wall), images, loopback, ledger, timing, () -> {}, gate);
    }

    private Ledger openLedger() {
        return Ledger.open(
                data.resolve("ledger.db"),
                settings.ledger().prices(),
                settings.ledger().linesKept(),
                new LedgerTime() {
                    @Override
                    public long wallMillis() {
                        return timing.now().toEpochMilli();
                    }

                    @Override
                    public long nanos() {
                        return Math.multiplyExact(timing.now().toEpochMilli(), 1_000_000L);
                    }
                });
    }

    /** The manager goes, its Tiny VMs go on, the next manager comes. */
    void reopen() {
        closeManager();
        openAgain();
    }

    void closeManager() {
        manager.close();
        engine.close();
        ledger.close();
    }

    void openAgain() {
        engine = new FakeEngine(host);
        manager = open(engine, Store.Gate.OPEN);
    }

    @Override
    public void close() {
        manager.shutdown(false);
        closeManager();
        host.ids().forEach(id -> host.vm(id).crash());
    }

    VmStatus create(Agent agent) {
        return manager.create(CreateRequest.of(agent));
    }

    VmStatus run(String... command) {
        return create(agent("", NO_RESTART, command));
    }

    VmState state(String vm) {
        return manager.vm(vm).state();
    }

    void awaitState(String vm, VmState state) {
        eventually(() -> state(vm) == state, () -> vm + " becomes " + state + ", it is " + manager.vm(vm));
    }

    /** Lets time pass in small steps until the looks have found it idle and it is frozen. */
    void awaitWaiting(String vm) {
        eventually(
                () -> {
                    timing.advance(VmWaiting.BETWEEN_LOOKS);
                    return state(vm) == VmState.WAITING;
                },
                () -> vm + " becomes waiting, it is " + manager.vm(vm));
    }

    /** All lines that are kept, of the process itself. */
    List<String> log(String vm) {
        return lines(vm).stream()
                .filter(line -> !line.stream().equals("system"))
                .map(LogLine::text)
                .toList();
    }

    List<LogLine> lines(String vm) {
        return drain(manager.logs(vm, new LogQuery(-1, Optional.empty(), false)));
    }

    static List<LogLine> drain(LogStream stream) {
        List<LogLine> lines = new ArrayList<>();
        try (stream) {
            for (Optional<LogLine> line = stream.next(PATIENCE); line.isPresent(); line = stream.next(PATIENCE)) {
                lines.add(line.get());
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        return lines;
    }

    List<Event> events() {
        manager.awaitStored();
        List<Event> events = new ArrayList<>();
        try (EventStream stream = manager.events(0, false)) {
            for (Optional<Event> e = stream.next(PATIENCE); e.isPresent(); e = stream.next(PATIENCE)) {
                events.add(e.get());
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        return events;
    }

    List<String> eventTypes(String vm) {
        return events().stream()
                .filter(e -> e.vmId().equals(vm) || e.vmName().equals(vm))
                .map(Event::type)
                .toList();
    }

    String exec(String vm, String... command) {
        try (GuestProcess process = manager.exec(vm, ExecRequest.of(command))) {
            StringBuilder out = new StringBuilder();
            while (true) {
                switch (process.next()) {
                    case Output.Stdout o -> out.append(new String(o.bytes(), java.nio.charset.StandardCharsets.UTF_8));
                    case Output.Stderr ignored -> {}
                    case Output.Exited ignored -> {
                        return out.toString();
                    }
                    case Output.Lost lost -> throw new AssertionError(lost.reason());
                }
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    static Agent agent(String name, Restart restart, String... command) {
        return agent(name, Resources.DEFAULT, restart, Optional.empty(), command);
    }

    static Agent agent(String name, Resources resources, Restart restart, Optional<Health> health, String... command) {
        return new Agent(
                new Metadata(name, Map.of("team", "test")),
                AgentSpec.of("host")
                        .change()
                        .command(List.of(command))
                        .env(Map.of("MODE", "fast"))
                        .resources(resources)
                        .restart(restart)
                        .health(health)
                        .build());
    }

    static Resources size(int cpuMillis, int memoryMiB) {
        return new Resources(cpuMillis, (long) memoryMiB << 20, 16L << 20, 16);
    }

    static void eventually(Callable<Boolean> condition, java.util.function.Supplier<String> what) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        try {
            while (!condition.call()) {
                if (System.nanoTime() > deadline) {
                    throw new AssertionError("did not happen: " + what.get());
                }
                Thread.sleep(2);
            }
        } catch (AssertionError e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError("while waiting: " + what.get(), e);
        }
    }

    static void eventually(Callable<Boolean> condition, String what) {
        eventually(condition, () -> what);
    }

    /** {@code host}, and what a test puts in: a tag and the image that it points to. */
    static final class Images implements ImageCatalog {
        private final Map<String, String> tags = new ConcurrentHashMap<>(Map.of("host", "host"));
        private final List<String> lookedUp = new CopyOnWriteArrayList<>();

        void point(String tag, String image) {
            tags.put(tag, image);
            tags.put(image, image);
        }

        void remove(String name) {
            tags.remove(name);
        }

        List<String> lookedUp() {
            return List.copyOf(lookedUp);
        }

        @Override
        public Optional<ImageInfo> find(String reference) {
            lookedUp.add(reference);
            return Optional.ofNullable(tags.get(reference)).map(image -> info(reference, image));
        }

        @Override
        public List<ImageInfo> list() {
            return tags.entrySet().stream()
                    .map(e -> info(e.getKey(), e.getValue()))
                    .toList();
        }

        private static ImageInfo info(String reference, String image) {
            return new ImageInfo(reference, image, "user", Map.of(), "", List.of(), Optional.empty());
        }
    }
}
