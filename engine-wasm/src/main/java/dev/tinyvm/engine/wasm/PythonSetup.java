package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Resources;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.Instance;

/** The interpreter's first and only whole start, in a Tiny VM of its own that nobody sees; it ends with the snapshot. */
final class PythonSetup implements Program {
    private static final Resources RESOURCES = new Resources(16_000, 256L << 20, 16L << 20, 4);

    private final CompiledModule module;
    private volatile SnapshotFile.@Nullable Content taken;

    private PythonSetup(CompiledModule module) {
        this.module = module;
    }

    /** @param scripts what it runs, then what that gets as its argument @throws EngineException {@code FAILED} with what the interpreter said */
    static SnapshotFile.Content run(WasmEngine engine, CompiledModule module, Path work, List<String> scripts) {
        PythonSetup setup = new PythonSetup(module);
        MachineSpec spec = new MachineSpec("python-setup", PythonProgram.NAME, RESOURCES, List.of(), "tinyvm", "user");
        FileTree tree = new FileTree(work.resolve("python-setup-disk"), 16L << 20, engine.heap(), "tinyvm");
        WasmMachine machine = new WasmMachine(engine, spec, setup, tree);
        StringBuilder said = new StringBuilder();
        String first = "import sys; exec(compile(sys.argv[1], '<tinyvm>', 'exec'), {'__name__': 'tinyvm_boot'})";
        ExecRequest request = new ExecRequest(
                List.of("python", "-B", "-c", first, scripts.get(0), scripts.get(1)),
                Map.of(),
                "",
                "",
                Optional.empty(),
                false,
                "");
        try (GuestProcess process = machine.exec(request)) {
            for (Output output = process.next(); ; output = process.next()) {
                if (output instanceof Output.Stderr err) {
                    said.append(new String(err.bytes(), StandardCharsets.UTF_8));
                } else if (output instanceof Output.Exited || output instanceof Output.Lost) {
                    break;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            machine.kill();
        }
        SnapshotFile.Content content = setup.taken;
        if (content == null) {
            throw new EngineException(Code.FAILED, "could not start Python for its snapshot: " + said);
        }
        return content;
    }

    @Override
    public boolean answersTo(String word) {
        return true;
    }

    @Override
    public String names() {
        return "'python'";
    }

    @Override
    public void install(FileTree tree) {
        // It needs nothing there: its library is in the module.
    }

    @Override
    public int run(GuestContext guest) {
        SnapshotRequest request = guest.takeSnapshot();
        Instance instance = WasmProgram.instantiate(module, guest, List.of(), new byte[0][]);
        try {
            instance.export(Instance.START_FUNCTION_NAME).apply();
        } catch (GuestStop.Snapshot e) {
            taken = Python.state(guest.memory(), request);
        }
        return 0;
    }
}
