package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.HostFunction;
import run.endive.runtime.ImportValues;
import run.endive.runtime.WasmRuntimeException;
import run.endive.wasm.WasmModule;
import run.endive.wasm.types.FunctionImport;
import run.endive.wasm.types.FunctionType;
import run.endive.wasm.types.ValType;

/**
 * All that a module can import: WASI preview 1 and the {@code tinyvm} interface. Each call passes here: it stands at the checkpoint, makes sure
 * of the stack, and turns failures into WASI's error numbers.
 */
final class HostFunctions {
    static final String WASI = "wasi_snapshot_preview1";
    private static final Map<String, HostFunctions> ALL = new HashMap<>();

    static {
        WasiProcess.register();
        WasiDescriptors.register();
        WasiPaths.register();
        TinyvmInterface.register();
    }

    private final FunctionType type;
    private final Call call;

    private HostFunctions(FunctionType type, Call call) {
        this.type = type;
        this.call = call;
    }

    /**
     * Adds a function that returns an errno.
     *
     * @param parameters a letter each: i for i32, I for i64
     */
    static void add(String module, String name, String parameters, Call call) {
        ALL.put(key(module, name), new HostFunctions(type(parameters, "i"), call));
    }

    /** Adds a function without result. */
    static void addVoid(String module, String name, String parameters, Call call) {
        ALL.put(key(module, name), new HostFunctions(type(parameters, ""), call));
    }

    static boolean offers(String module, String name, FunctionType wanted) {
        HostFunctions found = ALL.get(key(module, name));
        return found != null && found.type.equals(wanted);
    }

    /** What the module imports, for one run. @param others functions of the caller's own that come first */
    static ImportValues imports(WasmModule module, GuestContext guest, List<HostFunction> others) {
        List<HostFunction> functions = new ArrayList<>(others);
        for (int i = 0; i < module.importSection().importCount(); i++) {
            if (module.importSection().getImport(i) instanceof FunctionImport wanted) {
                HostFunction function = bind(wanted.module(), wanted.name(), guest);
                if (function != null) {
                    functions.add(function);
                }
            }
        }
        return ImportValues.builder()
                .addFunction(functions.toArray(new HostFunction[0]))
                .build();
    }

    /** Runs a host call as safely as every other. @return its result */
    static long guarded(GuestContext guest, Call call, long[] arguments) {
        Checkpoint.ensureHeadroom();
        Checkpoint.poll();
        try {
            return call.call(guest, arguments);
        } catch (GuestFileException e) {
            return WasiErrno.of(e.errno());
        } catch (DescriptorTable.BadDescriptor e) {
            return WasiErrno.BADF;
        } catch (WasmRuntimeException e) {
            return WasiErrno.FAULT;
        }
    }

    private static @Nullable HostFunction bind(String module, String name, GuestContext guest) {
        HostFunctions found = ALL.get(key(module, name));
        if (found == null) {
            return null;
        }
        boolean isVoid = found.type.returns().isEmpty();
        return new HostFunction(module, name, found.type, (instance, arguments) -> {
            long result = guarded(guest, found.call, arguments);
            return isVoid ? new long[0] : new long[] {result};
        });
    }

    static FunctionType type(String parameters, String results) {
        return FunctionType.of(types(parameters), types(results));
    }

    private static List<ValType> types(String letters) {
        return letters.chars()
                .mapToObj(c -> c == 'I' ? ValType.I64 : ValType.I32)
                .toList();
    }

    private static String key(String module, String name) {
        return module + "." + name;
    }

    /** A host function's body. */
    @FunctionalInterface
    interface Call {
        int call(GuestContext guest, long[] arguments);
    }
}
