package dev.tinyvm.app;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.ManagerConnection.Address;
import dev.tinyvm.cli.PrivateManagers;
import dev.tinyvm.cli.RunningManager;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.wasm.ScriptFiles;
import dev.tinyvm.engine.wasm.WasmEngine;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.manager.ManagerSettings;
import dev.tinyvm.server.ServerSettings;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.EngineChoice;
import dev.tinyvm.spec.ProgramImages;
import dev.tinyvm.spec.Trust;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A manager for one {@code run}, in the same process, with a data directory that goes away with it. A small watcher process sees by its standard input when this one ends, in whatever way, and
 * removes what is left: that holds after kill -9 too.
 */
final class EphemeralManagers implements PrivateManagers {
    private static final Path PARENT = Path.of("/var/tmp");
    private static final long WATCHER_SECONDS = 90;

    /** As the engine's own bound for modules. */
    private static final long MAX_PROGRAM_BYTES = 64 << 20;

    /** $1 entry script, $2 spawner socket, $3 data directory, $4 run directory. Everything may be gone already, which is the usual case. */
    private static final String WATCHER = """
            trap '' INT TERM HUP
            cat >/dev/null
            if [ -S "$2" ]; then TINYVM_BUILD=never "$1" sweep "$2" >/dev/null 2>&1; fi
            rm -rf -- "$3" "$4"
            """;

    @Override
    public PrivateManager start(Shell shell, AgentSpec spec, Optional<Path> named) throws Exception {
        String image = spec.image();
        boolean walls = !(inside(spec) && WasmEngine.takes(image));
        if (walls) {
            LocalManager.requireRoot(ExitCode.NOT_RUN);
        }
        Installation installation = Installation.find();
        Path shared = RunningManager.defaultData(shell);
        PrivateConfiguration configuration = PrivateConfiguration.find(
                shell,
                UpCommand.dataDirectory(shell, null),
                named,
                !spec.llm().models().isEmpty());
        // Its images are the shared manager's, and so is what is asked of them.
        SignaturePolicy signatures = walls ? SignatureFile.find(shared, null) : SignaturePolicy.NONE;
        Path directory = Files.createTempDirectory(PARENT, "tinyvm-run-");
        DataDirectory data = DataDirectory.open(directory);
        Path run = data.runDirectory();
        Process watcher = new ProcessBuilder(
                        "setsid",
                        "sh",
                        "-c",
                        WATCHER,
                        "sh",
                        installation.entry().toString(),
                        run.resolve("spawner.sock").toString(),
                        directory.toString(),
                        run.toString())
                .directory(Path.of("/").toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            ProgramFiles programs = programs(image, data);
            LocalManager manager = LocalManager.start(
                    new LocalManager.Plan(
                            data,
                            walls ? shared.resolve("images") : data.images(),
                            run,
                            ManagerSettings.of(configuration.config(), Cli.VERSION),
                            ServerSettings.DEFAULT.withPort(0),
                            "",
                            configuration.llm(),
                            0,
                            configuration.egress(),
                            signatures,
                            programs,
                            walls,
                            false),
                    keep -> {});
            Ephemeral ephemeral = new Ephemeral(manager, watcher, new Address(manager.url(), manager.localKey()));
            Runtime.getRuntime().addShutdownHook(new Thread(ephemeral::close, "private-manager-stop"));
            return ephemeral;
        } catch (IOException | RuntimeException e) {
            end(watcher);
            throw e;
        }
    }

    /** Whether the choice will be WebAssembly, for which no wall of Linux and no root is needed. Python computes so slowly there that root gets the others. */
    private static boolean inside(AgentSpec spec) {
        if (spec.engine() != EngineChoice.AUTO) {
            return spec.engine() == EngineChoice.WASM;
        }
        boolean linux = spec.image().endsWith(".py") && Privileges.isRoot();
        return spec.trust() == Trust.TRUSTED && !linux;
    }

    /** The one program that it runs: a copy with what it imports, which the manager can read after it gave root up, and nobody can change meanwhile. */
    private static ProgramFiles programs(String image, DataDirectory data) {
        if (!ProgramImages.isFile(image)) {
            return ProgramFiles.under(List.of(data.programs()));
        }
        Path file = Path.of(image);
        try {
            if (!Files.isRegularFile(file) || Files.size(file) > MAX_PROGRAM_BYTES) {
                throw new CliException(
                        ExitCode.NOT_RUN, image + ": is no file of at most " + (MAX_PROGRAM_BYTES >> 20) + " MiB");
            }
            // The user named it, so that a link is followed; what it imports must lie beside what it leads to.
            Path real = file.toRealPath();
            if (image.endsWith(".wasm")) {
                copy(Files.readAllBytes(real), data.programs().resolve(String.valueOf(file.getFileName())));
            } else {
                for (Map.Entry<String, byte[]> one :
                        ScriptFiles.of(real).files().entrySet()) {
                    copy(one.getValue(), data.programs().resolve(one.getKey()));
                }
            }
            String name = String.valueOf((image.endsWith(".wasm") ? file : real).getFileName());
            return ProgramFiles.only(image, data.programs().resolve(name));
        } catch (EngineException e) {
            throw new CliException(ExitCode.NOT_RUN, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            throw new CliException(ExitCode.NOT_RUN, image + ": cannot be read: " + e.getMessage());
        }
    }

    private static void copy(byte[] content, Path to) throws IOException {
        Files.createDirectories(
                to.getParent(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        Files.write(to, content);
        Files.setPosixFilePermissions(to, PosixFilePermissions.fromString("rw-r--r--"));
    }

    /** Lets the watcher do its work and waits for it. */
    private static void end(Process watcher) {
        try {
            watcher.getOutputStream().close();
            if (!watcher.waitFor(WATCHER_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("tinyvm: what the private manager left is still being removed");
            }
        } catch (IOException e) {
            throw new IllegalStateException("the watcher cannot be told to end: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static final class Ephemeral implements PrivateManager {
        private final LocalManager manager;
        private final Process watcher;
        private final Address address;
        private boolean closed;

        Ephemeral(LocalManager manager, Process watcher, Address address) {
            this.manager = manager;
            this.watcher = watcher;
            this.address = address;
        }

        @Override
        public Address address() {
            return address;
        }

        @Override
        public synchronized void close() {
            if (closed) {
                return;
            }
            closed = true;
            manager.stop(true);
            end(watcher);
        }
    }
}
