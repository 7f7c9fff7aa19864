package dev.tinyvm.app;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.RunningManager;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.llm.GatewayPlan;
import dev.tinyvm.manager.ManagerSettings;
import dev.tinyvm.server.ServerSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A manager in this process: finds its spawner while it is root, drops all privileges, puts the rooms together and listens. Only {@link #start} runs as root, and only up to the line that says so.
 */
final class LocalManager {
    private static final Logger LOG = LoggerFactory.getLogger(LocalManager.class);

    /** Of a manager that has no spawner to claim a uid for it: below the blocks that spawners claim, above users and services. */
    private static final int UID_WITHOUT_SPAWNER = 0x0fff_0000;

    private final DataDirectory data;
    private final Optional<SpawnerProcess> spawner;
    private final Assembly rooms;
    private final HeapKeeper heap = HeapKeeper.start();
    private boolean stopped;

    private LocalManager(DataDirectory data, Optional<SpawnerProcess> spawner, Assembly rooms) {
        this.data = data;
        this.spawner = spawner;
        this.rooms = rooms;
    }

    /**
     * What to start.
     *
     * @param images root's directory of images
     * @param run directory for sockets
     * @param programs which files may be images of WebAssembly Tiny VMs
     * @param walls whether there is a spawner for walls that need root; otherwise WebAssembly is the only one, and root is not needed
     * @param foreground whether warnings belong on stderr
     * @param settings capacity, volumes, logs
     * @param egress secrets that the egress proxy adds, and what E2B's sandboxes may reach
     * @param e2bDomain under which E2B's hosts are served, {@code name} or {@code name:port}; empty: none
     * @param gvisorSandboxes kept ready, for a spawner that is started now
     * @param llm providers of the LLM gateway with their keys
     */
    record Plan(
            DataDirectory data,
            Path images,
            Path run,
            ManagerSettings settings,
            ServerSettings http,
            String e2bDomain,
            GatewayPlan llm,
            int gvisorSandboxes,
            EgressPlan egress,
            SignaturePolicy signatures,
            ProgramFiles programs,
            boolean walls,
            boolean foreground) {}

    /**
     * Starts it.
     *
     * @param onShutdown told, on a thread of its own, when a client asks the manager to stop, and whether Tiny VMs go on then
     */
    static LocalManager start(Plan plan, Consumer<Boolean> onShutdown) throws IOException {
        if (!plan.walls()) {
            return start(plan, Optional.empty(), onShutdown);
        }
        Installation installation = Installation.find();
        DataDirectory data = plan.data();
        SpawnerProcess spawner = SpawnerProcess.find(
                installation,
                plan.run(),
                plan.images(),
                plan.settings().volumeHostPaths(),
                plan.gvisorSandboxes(),
                plan.egress().routedPool(),
                data.spawnerLog(),
                data.pool(),
                data.volumes());
        try {
            return start(plan, Optional.of(spawner), onShutdown);
        } catch (IOException | RuntimeException e) {
            if (!spawner.adopted()) {
                quit(spawner); // nobody else would end it
            }
            throw e;
        }
    }

    private static LocalManager start(Plan plan, Optional<SpawnerProcess> spawner, Consumer<Boolean> onShutdown)
            throws IOException {
        DataDirectory data = plan.data();
        boolean root = Privileges.isRoot();
        int uid = root ? spawner.map(SpawnerProcess::managerUid).orElse(UID_WITHOUT_SPAWNER) : Privileges.uid();
        Optional<Path> modules = plan.walls() ? Optional.empty() : moduleCache(root, uid);
        if (root) {
            data.giveTo(uid);
            new Secrets(data.path()).giveTo(uid);
            protectFromMemoryPressure();
            Privileges.privateFilesOnly();
            Privileges.become(uid);
        } else {
            Files.createDirectories(data.managerState());
            Privileges.privateFilesOnly();
        }
        // From here on this process is nobody in particular.

        Logging.toFile(data.managerLog(), plan.foreground());
        LOG.info(
                "manager {} starts, process {}, spawner {} {}",
                Cli.VERSION,
                ProcessHandle.current().pid(),
                spawner.map(s -> s.adopted() ? "found" : "started").orElse("none"),
                spawner.map(s -> "at " + s.socket()).orElse(""));
        String key = data.localKey();
        Assembly rooms = Assembly.of(plan, spawner.map(SpawnerProcess::socket), modules, key, onShutdown);
        LocalManager manager = new LocalManager(data, spawner, rooms);
        try {
            rooms.listen();
            new RunningManager(rooms.url(), ProcessHandle.current().pid()).write(data.path());
        } catch (IOException | RuntimeException e) {
            manager.stop(spawner.filter(SpawnerProcess::adopted).isEmpty());
            throw e;
        }
        LOG.info("listening at {}{}", rooms.url(), manager.tlsUrl());
        return manager;
    }

    /** @param exitCode of the command that cannot go on */
    static void requireRoot(int exitCode) {
        if (!Privileges.isRoot()) {
            throw new CliException(
                    exitCode,
                    "Tiny VMs behind the container wall need root to be made: namespaces, cgroups and mounts belong to the kernel's administrator",
                    "With root: sudo tinyvm up   (only the small spawner keeps root; the manager gives it up at once)",
                    "Without root these work: tinyvm run FILE.wasm or FILE.js, doctor, help, version, completion, and every command against a manager elsewhere (--url, TINYVM_URL)");
        }
    }

    String url() {
        return rooms.url();
    }

    /** For people, behind the address: where it listens for TLS; empty when it does not. */
    String tlsUrl() {
        return rooms.tlsUrl().map(url -> " and " + url).orElse("");
    }

    /** Its words for people, behind the address. */
    String description() {
        return rooms.description()
                + (spawner.filter(SpawnerProcess::adopted).isPresent() ? ", took over a running spawner" : "");
    }

    String localKey() throws IOException {
        return data.localKey();
    }

    /** Ends it. @param machines whether its Tiny VMs and its spawner end too; otherwise the next manager takes them over */
    synchronized void stop(boolean machines) {
        if (stopped) {
            return;
        }
        stopped = true;
        LOG.info("manager stops, Tiny VMs {}", machines ? "too" : "go on");
        rooms.stop(machines);
        heap.close();
        if (machines) {
            spawner.ifPresent(LocalManager::quit);
        }
        try {
            Files.deleteIfExists(data.path().resolve(RunningManager.FILE));
        } catch (IOException e) {
            LOG.warn("the address file could not be removed: {}", e.getMessage());
        }
        data.close();
    }

    /** Of a private manager, whose data directory goes away with it. Without one modules are compiled each time. */
    private static Optional<Path> moduleCache(boolean root, int uid) {
        try {
            return Optional.of(
                    root
                            ? ModuleCacheDirectory.ofService(Path.of("/var/cache"), uid)
                            : ModuleCacheDirectory.ofUser(System.getenv(), uid));
        } catch (IOException | RuntimeException e) {
            System.err.println("tinyvm: compiled modules are not kept: " + e.getMessage());
            return Optional.empty();
        }
    }

    /** Ends the spawner and its Tiny VMs; one that has ended already is fine. */
    private static void quit(SpawnerProcess spawner) {
        try {
            if (Files.exists(spawner.socket())) {
                SpawnerControl.quit(spawner.socket());
            }
        } catch (IOException e) {
            LOG.warn("the spawner did not end: {}", e.getMessage());
        }
    }

    /** The kernel shall rather end a Tiny VM than what watches them all. Source: proc(5), oom_score_adj. */
    private static void protectFromMemoryPressure() {
        try {
            Files.writeString(Path.of("/proc/self/oom_score_adj"), "-500");
        } catch (IOException e) {
            LOG.warn("oom_score_adj could not be lowered: {}", e.getMessage());
        }
    }
}
