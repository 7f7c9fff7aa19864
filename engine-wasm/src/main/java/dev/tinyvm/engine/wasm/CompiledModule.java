package dev.tinyvm.engine.wasm;

import java.util.Set;
import java.util.function.Function;
import run.endive.runtime.Instance;
import run.endive.runtime.Machine;
import run.endive.wasm.WasmModule;

/**
 * A module that is ready to run; shared by all machines that use it.
 *
 * @param digest SHA-256 of its bytes, hexadecimal
 * @param module parsed and validated
 * @param code its compiled functions
 * @param programs further names under which it can be run, from its custom section {@code tinyvm.programs}
 * @param fromCache whether its code was read from disk rather than compiled
 */
record CompiledModule(
        String digest, WasmModule module, Function<Instance, Machine> code, Set<String> programs, boolean fromCache) {
    CompiledModule {
        programs = Set.copyOf(programs);
    }
}
