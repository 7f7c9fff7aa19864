package dev.tinyvm.engine.wasm;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The WebAssembly wall: modules run inside the JVM, compiled to byte code by Endive. It needs no root, no Linux and nothing installed.
 *
 * <p>Its machines live and die with the JVM: {@link #close} ends them, and {@link #adopt} finds only their remains. Thread safe.
 */
public final class WasmEngine implements Engine {
    private static final Logger LOG = LoggerFactory.getLogger(WasmEngine.class);
    private static final long PREPARATION_HEAP_BYTES = 512L << 20;
    private static final Pattern ID = Pattern.compile("[a-z0-9][a-z0-9-]{0,62}");

    private final WasmSettings settings;
    private final HeapBudget heap;
    private final Programs programs;
    private final Map<String, WasmMachine> machines = new ConcurrentHashMap<>();
    private final CpuGovernor governor;
    private volatile boolean closed;

    public WasmEngine(WasmSettings settings) {
        this.settings = settings;
        this.heap = new HeapBudget(settings.heapBytes());
        this.programs = new Programs(new ModuleCache(settings.cacheDirectory(), settings.prepared()));
        this.governor = new CpuGovernor(machines::values);
    }

    /** Whether an image is of the kind that runs here: a {@code .wasm}, {@code .js} or {@code .mjs} file, or {@code js}. The file is not looked at. */
    public static boolean takes(String image) {
        return Programs.takes(image);
    }

    /** What to run when the descriptor names no command: the image's own file. Empty for {@code js}, which has none. */
    public static List<String> defaultCommand(String image) {
        return takes(image) && !image.equals(JsProgram.NAME) && !image.equals(PythonProgram.NAME)
                ? List.of(String.valueOf(Path.of(image).getFileName()))
                : List.of();
    }

    /**
     * Compiles the JavaScript runtime and takes its snapshot, for {@link WasmSettings#withPrepared}: the build does it once, so that no agent pays
     * for it.
     */
    public static void prepare(Path directory) {
        new QuickJs(new ModuleCache(directory)).snapshot();
    }

    /**
     * Compiles Python and takes its snapshot, as {@link #prepare} does for JavaScript. Takes half a minute and 1.5 GB of heap; nothing is done when it is there.
     *
     * @param directory where both are kept
     * @param packages where the package of its module is, or is put
     * @return the files, for {@link WasmSettings#withPrepared}
     * @throws IOException the package cannot be had
     */
    public static List<Path> preparePython(Path directory, Path packages) throws IOException, InterruptedException {
        Path work = Files.createTempDirectory("tinyvm-python");
        try (WasmEngine engine =
                new WasmEngine(new WasmSettings(work, directory, PREPARATION_HEAP_BYTES, Optional.empty()))) {
            if (!engine.programs.python().ready()) {
                engine.programs.python().prepare(PythonPackage.module(packages), engine, work);
            }
            return Python.files(directory);
        } finally {
            Files.deleteIfExists(work);
        }
    }

    /** Whether that directory has what {@link #preparePython} puts there. */
    public static boolean hasPython(Path directory) {
        return Python.files(directory).stream().allMatch(Files::isRegularFile);
    }

    @Override
    public EngineKind kind() {
        return EngineKind.WASM;
    }

    @Override
    public Availability availability() {
        try {
            Files.createDirectories(settings.workDirectory());
        } catch (IOException e) {
            return new Availability.Missing(
                    "the directory " + settings.workDirectory() + " cannot be made: " + e.getMessage(),
                    "choose a data directory that this user may write to");
        }
        if (!Files.isWritable(settings.workDirectory())) {
            return new Availability.Missing(
                    "the directory " + settings.workDirectory() + " cannot be written to",
                    "choose a data directory that this user may write to");
        }
        return new Availability.Available(
                "Endive 1.0.0 in this JVM, " + (heap.totalBytes() >> 20) + " MiB of heap for guests"
                        + (programs.python().ready()
                                ? ""
                                : "; without the image python-wasi, which the build could not prepare")
                        + (compilesHugeMethods()
                                ? ""
                                : "; JavaScript loops run 10 times faster when the JVM has -XX:-DontCompileHugeMethods"));
    }

    @Override
    public Machine create(MachineSpec spec) {
        if (closed) {
            throw new EngineException(Code.UNAVAILABLE, "the WebAssembly engine is closed");
        }
        if (!ID.matcher(spec.id()).matches()) {
            throw new EngineException(Code.INVALID, "could not make a machine: its id does not match " + ID.pattern());
        }
        if (!spec.volumes().isEmpty()) {
            throw new EngineException(
                    Code.MOUNT,
                    "could not make " + spec.id() + ": a WebAssembly Tiny VM takes no volumes; copy files in through"
                            + " the files API, or use `engine: container`");
        }
        if (!spec.defaultUser().isEmpty() && Users.find(spec.defaultUser()) == null) {
            throw new EngineException(
                    Code.INVALID, "could not make " + spec.id() + ": there is no user " + spec.defaultUser());
        }
        Program program = programs.load(spec.image());
        Path directory = settings.workDirectory().resolve(spec.id());
        try {
            Files.createDirectories(settings.workDirectory());
            Files.createDirectory(directory);
        } catch (java.nio.file.FileAlreadyExistsException e) {
            throw new EngineException(Code.INVALID, "could not make " + spec.id() + ": that id is taken", e);
        } catch (IOException e) {
            throw new EngineException(
                    Code.UNAVAILABLE, "could not make " + spec.id() + ": " + directory + ": " + e.getMessage(), e);
        }
        FileTree tree = null;
        try {
            tree = new FileTree(directory.resolve("disk"), spec.resources().diskBytes(), heap, spec.hostname());
            program.install(tree);
            WasmMachine machine = new WasmMachine(this, spec, program, tree);
            machines.put(spec.id(), machine);
            return machine;
        } catch (RuntimeException e) {
            if (tree != null) {
                tree.close();
            }
            removeDirectory(spec.id());
            throw e instanceof EngineException known
                    ? known
                    : new EngineException(
                            Code.LIMIT, "could not make " + spec.id() + ": its files: " + e.getMessage(), e);
        }
    }

    @Override
    public Adoption adopt(List<String> wanted) {
        List<Machine> live = new ArrayList<>();
        List<String> ended = new ArrayList<>();
        List<String> removed = new ArrayList<>();
        for (String id : machines()) {
            WasmMachine machine = machines.get(id);
            if (machine != null && wanted.contains(id) && !machine.isOver()) {
                live.add(machine);
                continue;
            }
            destroy(id);
            (wanted.contains(id) ? ended : removed).add(id);
        }
        return new Adoption(live, ended, removed);
    }

    @Override
    public List<String> machines() {
        TreeSet<String> ids = new TreeSet<>(machines.keySet());
        if (Files.isDirectory(settings.workDirectory())) {
            try (Stream<Path> found = Files.list(settings.workDirectory())) {
                found.map(p -> p.getFileName().toString())
                        .filter(n -> ID.matcher(n).matches())
                        .forEach(ids::add);
            } catch (IOException e) {
                throw new EngineException(
                        Code.FAILED, "could not list " + settings.workDirectory() + ": " + e.getMessage(), e);
            }
        }
        return List.copyOf(ids);
    }

    @Override
    public void destroy(String id) {
        WasmMachine machine = machines.get(id);
        if (machine != null) {
            machine.destroy();
        } else if (ID.matcher(id).matches()) {
            removeDirectory(id);
        }
    }

    /** Ends all machines: they are threads of this JVM, and their remains are what a next manager would find. */
    @Override
    public void close() {
        closed = true;
        machines.values().forEach(WasmMachine::destroy);
        governor.close();
    }

    CpuGovernor governor() {
        return governor;
    }

    HeapBudget heap() {
        return heap;
    }

    WasmSettings settings() {
        return settings;
    }

    void remove(WasmMachine machine) {
        removeDirectory(machine.id());
        machines.remove(machine.id(), machine);
    }

    void reportStuck(String id, int processId) {
        LOG.error("process {} of {} did not stop at a checkpoint; its thread is left behind", processId, id);
    }

    /** QuickJS's own interpreter loop is a method larger than HotSpot compiles by default. Another JVM may not know the flag. */
    private static boolean compilesHugeMethods() {
        HotSpotDiagnosticMXBean hotSpot = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
        try {
            return hotSpot == null
                    || "false"
                            .equals(hotSpot.getVMOption("DontCompileHugeMethods")
                                    .getValue());
        } catch (IllegalArgumentException e) {
            return true;
        }
    }

    private void removeDirectory(String id) {
        Path directory = settings.workDirectory().resolve(id);
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new EngineException(Code.FAILED, "could not remove " + directory + ": " + e.getMessage(), e);
        }
    }
}
