package dev.tinyvm.app;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.ClientCommands;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.wasm.WasmEngine;
import dev.tinyvm.engine.wasm.WasmSettings;
import dev.tinyvm.images.ImageStore;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerTime;
import dev.tinyvm.manager.HostManager;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.ManagerSettings;
import dev.tinyvm.server.ServerSettings;
import dev.tinyvm.server.TinyVmServer;
import dev.tinyvm.server.http.Authenticator;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.Resources;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The training run for the start-up cache (JEP 483, JEP 514): loads and links what commands and the manager use, by using them. Needs no root, makes no Tiny VM, and leaves nothing behind.
 */
public final class Train {
    private static final String KEY = "train";

    private Train() {}

    public static void main(String[] args) throws IOException {
        Path directory = Files.createTempDirectory("tinyvm-train-");
        try {
            Path descriptor = directory.resolve("agent.yaml");
            Files.writeString(
                    descriptor,
                    "apiVersion: tinyvm.dev/v1\nkind: Agent\nmetadata: {name: train}\nspec: {image: host, command: [sleep, '1']}\n");
            useScripts(directory);
            try (Ledger ledger = Ledger.open(
                            directory.resolve("ledger.db"),
                            ManagerConfig.Ledger.DEFAULT.prices(),
                            ManagerConfig.Ledger.DEFAULT.linesKept(),
                            LedgerTime.SYSTEM);
                    Manager manager = HostManager.open(
                            ManagerSettings.of(ManagerConfig.DEFAULT, Cli.VERSION),
                            directory.resolve("manager"),
                            Map.of(EngineKind.CONTAINER, new NoEngine()),
                            Assembly.catalog(
                                    new ImageStore(directory.resolve("images")),
                                    SignaturePolicy.NONE,
                                    ProgramFiles.under(List.of(directory))),
                            List.of(),
                            ledger,
                            Clock.systemUTC())) {
                Authenticator keys =
                        new Authenticator(secret -> manager.authenticate(secret).map(Manager.KeyInfo::name), KEY);
                try (TinyVmServer server =
                        new TinyVmServer(ServerSettings.DEFAULT.withPort(0), manager, keys, List.of(), keep -> {})) {
                    server.start();
                    useCommands(server.url(), descriptor.toString());
                }
                manager.shutdown(true);
            }
        } finally {
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    /** Twice, so that what is done only the first time and what is done ever after are both seen. Some fail, as they would for a user. */
    private static void useCommands(String url, String descriptor) {
        for (int round = 0; round < 2; round++) {
            command(url, "version");
            command(url, "help");
            command(url, "help", "run");
            command(url, "ps");
            command(url, "ps", "--json");
            command(url, "start", descriptor);
            command(url, "start", descriptor, "--json");
            command(url, "ps", "--agents");
            command(url, "ps");
            command(url, "ps", "--json");
            command(url, "inspect", "train");
            command(url, "logs", "train");
            command(url, "stats");
            command(url, "events");
            command(url, "scale", "train", "2");
            command(url, "stop", "train");
            command(url, "exec", "train-0", "--", "true");
            command(url, "exec", "-it", "train-0", "--", "true");
            command(url, "run", "host", "--", "true");
            command(url, "key", "ls");
            command(url, "image", "ls");
            command(url, "save");
            command(url, "rm", "train");
            command(url, "doctor");
            command(url, "nonsense");
        }
    }

    /** The WebAssembly wall, which needs no root: a script in the prepared runtime. */
    private static void useScripts(Path directory) {
        WasmSettings settings = WasmSettings.under(directory.resolve("wasm"));
        try (Engine engine = new WasmEngine(
                ModuleCacheDirectory.prepared().map(settings::withPrepared).orElse(settings))) {
            Machine machine = engine.create(new MachineSpec(
                    "train", "js", new Resources(1000, 64 << 20, 16 << 20, 16), List.of(), "train", "user"));
            ExecRequest request = ExecRequest.of("js", "-e", "await fetch('http://127.0.0.1/').catch(console.log)");
            try (GuestProcess process = machine.exec(request)) {
                while (!(process.next() instanceof GuestProcess.Output.Exited)) {
                    // Its output does not matter.
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static void command(String url, String... args) {
        PrintStream nowhere = new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
        Shell shell = new Shell(
                new ByteArrayInputStream(new byte[0]),
                nowhere,
                nowhere,
                Map.of("TINYVM_URL", url, "TINYVM_API_KEY", KEY),
                "");
        int code = new Cli(shell, List.of(new HostCommands(), new ClientCommands())).run(args);
        assert code >= 0;
    }

    /** A wall that is not there. */
    private static final class NoEngine implements Engine {
        @Override
        public EngineKind kind() {
            return EngineKind.CONTAINER;
        }

        @Override
        public Availability availability() {
            return new Availability.Missing("this is a training run", "none");
        }

        @Override
        public Machine create(MachineSpec spec) {
            throw new dev.tinyvm.engine.EngineException(
                    dev.tinyvm.engine.EngineException.Code.UNAVAILABLE, "a training run makes no Tiny VM");
        }

        @Override
        public Adoption adopt(List<String> wanted) {
            return new Adoption(List.of(), wanted, List.of());
        }

        @Override
        public List<String> machines() {
            return List.of();
        }

        @Override
        public void destroy(String id) {}

        @Override
        public void close() {}
    }
}
