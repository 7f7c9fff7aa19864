package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import run.endive.wasm.WasmModule;
import run.endive.wasm.types.ExternalType;
import run.endive.wasm.types.FunctionImport;
import run.endive.wasm.types.Import;
import run.endive.wasm.types.TypeSection;

/** What a module must not contain, because the engine could not bound or stop it. */
final class ModuleRules {
    static final int MAX_TABLE_ENTRIES = 128 << 10;
    static final int MAX_TABLES = 4;
    static final int MAX_GLOBALS = 100_000;

    private ModuleRules() {}

    /** @throws EngineException {@code IMAGE} with the reason */
    static void check(WasmModule module, String name) {
        collectable(module.typeSection(), name);
        module.memorySection().ifPresent(memories -> {
            if (memories.memoryCount() > 1) {
                throw refused(name, "has " + memories.memoryCount() + " memories; one is allowed");
            }
            if (memories.memoryCount() == 1 && memories.getMemory(0).limits().shared()) {
                throw refused(name, "has shared memory; there are no threads here");
            }
        });
        int tables = module.tableSection() == null ? 0 : module.tableSection().tableCount();
        long entries = 0;
        for (int i = 0; i < tables; i++) {
            entries += module.tableSection().getTable(i).limits().min();
        }
        if (tables > MAX_TABLES || entries > MAX_TABLE_ENTRIES) {
            throw refused(
                    name,
                    "has " + tables + " tables with " + entries + " entries; " + MAX_TABLES + " tables with "
                            + MAX_TABLE_ENTRIES + " entries together are allowed");
        }
        if (module.globalSection() != null && module.globalSection().globalCount() > MAX_GLOBALS) {
            throw refused(name, "has more than " + MAX_GLOBALS + " globals");
        }
    }

    /** @throws EngineException {@code IMAGE} when it imports what is not offered to every module */
    static void checkImports(WasmModule module, String name) {
        for (int i = 0; i < module.importSection().importCount(); i++) {
            Import one = module.importSection().getImport(i);
            String what = one.module() + "." + one.name();
            if (!(one instanceof FunctionImport function) || one.importType() != ExternalType.FUNCTION) {
                throw refused(name, "imports " + what + ", which is no function; only functions can be imported");
            }
            if (!HostFunctions.offers(
                    one.module(), one.name(), module.typeSection().getType(function.typeIndex()))) {
                throw refused(
                        name,
                        "imports " + what + ", which this engine does not offer (or not with these types); it offers "
                                + "WASI preview 1 and tinyvm version 1");
            }
        }
    }

    /** Objects of the garbage collection proposal would live on the JVM's heap, out of reach of the memory limit. */
    private static void collectable(TypeSection types, String name) {
        for (int i = 0; i < types.subTypeCount(); i++) {
            if (types.getSubType(i).compType().funcType() == null) {
                throw refused(name, "uses garbage-collected types, whose memory cannot be limited here");
            }
        }
    }

    private static EngineException refused(String name, String why) {
        return new EngineException(Code.IMAGE, "could not use " + name + ": the module " + why);
    }
}
