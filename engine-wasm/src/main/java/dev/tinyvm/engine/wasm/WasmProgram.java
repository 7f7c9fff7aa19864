package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.util.List;
import run.endive.runtime.Instance;
import run.endive.runtime.TableInstance;
import run.endive.wasm.types.Export;
import run.endive.wasm.types.ExternalType;
import run.endive.wasm.types.Table;
import run.endive.wasm.types.TableLimits;

/** A WASI command module: each run is a new instance whose {@code _start} is called. Immutable. */
final class WasmProgram implements Program {
    private static final byte[][] NO_BLOCKS = new byte[0][];

    private final CompiledModule module;
    private final String fileName;

    /** @throws EngineException {@code IMAGE} when it has no {@code _start} */
    WasmProgram(CompiledModule module, String fileName) {
        this.module = module;
        this.fileName = fileName;
        if (!exports(Instance.START_FUNCTION_NAME)) {
            throw new EngineException(
                    Code.IMAGE,
                    "could not use " + fileName + ": it exports no function _start, so it is a library and no command;"
                            + " link it as a WASI command");
        }
    }

    @Override
    public boolean answersTo(String word) {
        String name = word.substring(word.lastIndexOf('/') + 1);
        String stem = fileName.endsWith(".wasm") ? fileName.substring(0, fileName.length() - 5) : fileName;
        return name.equals(fileName) || name.equals(stem) || module.programs().contains(name);
    }

    @Override
    public String names() {
        List<String> further = module.programs().stream().sorted().limit(20).toList();
        return "'" + fileName + "'" + (further.isEmpty() ? "" : " and " + further);
    }

    @Override
    public void install(FileTree tree) {
        // The module itself is no file inside: it cannot be read or changed by what runs.
    }

    @Override
    public int run(GuestContext guest) {
        Instance instance = instantiate(module, guest, List.of(), NO_BLOCKS);
        instance.export(Instance.START_FUNCTION_NAME).apply();
        return 0;
    }

    /** A new instance whose memory is charged, whose tables are its own, and in which nothing has run. @param blocks what its memory holds at first; empty: the module's data */
    static Instance instantiate(
            CompiledModule module,
            GuestContext guest,
            List<run.endive.runtime.HostFunction> functions,
            byte[][] blocks) {
        return Instance.builder(module.module())
                .withImportValues(HostFunctions.imports(module.module(), guest, functions))
                .withMemoryFactory(limits -> guest.addMemory(limits, blocks))
                .withTableFactory(WasmProgram::table)
                .withMachineFactory(module.code())
                .withStart(false)
                .build();
    }

    /** With limits of its own: Endive writes growth into the limits, which are otherwise shared by all instances of a module. */
    private static TableInstance table(Table table, int initial) {
        long least = table.limits().min();
        long most = Math.max(least, Math.min(table.limits().max(), ModuleRules.MAX_TABLE_ENTRIES));
        return new TableInstance(
                new Table(table.elementType(), new TableLimits(least, most), table.initialize()), initial);
    }

    private boolean exports(String name) {
        for (int i = 0; i < module.module().exportSection().exportCount(); i++) {
            Export export = module.module().exportSection().getExport(i);
            if (export.name().equals(name) && export.exportType() == ExternalType.FUNCTION) {
                return true;
            }
        }
        return false;
    }
}
