package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import run.endive.runtime.ByteArrayMemory;
import run.endive.runtime.HostFunction;
import run.endive.runtime.ImportValues;
import run.endive.runtime.Instance;
import run.endive.runtime.Memory;
import run.endive.wasm.types.FunctionImport;
import run.endive.wasm.types.FunctionType;
import run.endive.wasm.types.MemoryLimits;

/**
 * The QuickJS module of npm {@code quickjs-wasi}, and its memory after {@code bootstrap.js} has run. Each agent starts as a copy of that
 * memory, so that neither the runtime nor its surroundings are set up again. Thread safe; made at first use.
 */
final class QuickJs {
    private static final Logger LOG = LoggerFactory.getLogger(QuickJs.class);
    private static final String RESOURCE = "quickjs.wasm";
    private static final List<String> SCRIPTS = List.of("bootstrap.js", "web.js", "llm.js");
    private static final int MAX_JS_STACK_BYTES = 400 << 10;

    private final ModuleCache cache;
    private @Nullable Snapshot snapshot;

    QuickJs(ModuleCache cache) {
        this.cache = cache;
    }

    /** @throws EngineException when the runtime does not come up */
    synchronized Snapshot snapshot() {
        Snapshot known = snapshot;
        if (known == null) {
            known = make();
            snapshot = known;
        }
        return known;
    }

    /** From the cache when it is there: then no script runs, and agents start at once. */
    private Snapshot make() {
        byte[] quickJs = OwnFile.bytes(RESOURCE);
        List<byte[]> scripts = SCRIPTS.stream().map(OwnFile::bytes).toList();
        CompiledModule module = cache.load(quickJs, RESOURCE, true);
        String name = "snapshot-" + digest(module.digest(), scripts) + ".sum";
        byte[] known = cache.readData(name);
        if (known != null) {
            try {
                return Snapshot.of(module, SnapshotFile.read(known));
            } catch (IOException e) {
                LOG.warn("the snapshot {} is of no use and is made anew: {}", name, e.getMessage());
            }
        }
        SnapshotFile.Content state = setUp(module, scripts);
        try {
            cache.writeData(name, SnapshotFile.write(state));
        } catch (IOException e) {
            throw new EngineException(Code.UNAVAILABLE, "could not keep the snapshot of QuickJS: " + e.getMessage(), e);
        }
        return Snapshot.of(module, state);
    }

    /** Of all that the snapshot depends on. */
    private static String digest(String quickJs, List<byte[]> scripts) {
        java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
        all.writeBytes(quickJs.getBytes(StandardCharsets.US_ASCII));
        scripts.forEach(script -> all.writeBytes(ModuleCache.sha256(script)));
        all.writeBytes((JsHost.NAMES + " " + MAX_JS_STACK_BYTES).getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(ModuleCache.sha256(all.toByteArray()));
    }

    private static SnapshotFile.Content setUp(CompiledModule module, List<byte[]> scripts) {
        Instance instance = Instance.builder(module.module())
                .withImportValues(stubs(module))
                .withMemoryFactory(QuickJs::plainMemory)
                .withMachineFactory(module.code())
                .withStart(false)
                .build();
        JsVm vm = new JsVm(instance);
        vm.call("_initialize");
        if (vm.call("qjs_init") != 0) {
            throw new EngineException(Code.FAILED, "could not start QuickJS: qjs_init failed");
        }
        vm.call("qjs_set_max_stack_size", MAX_JS_STACK_BYTES);
        vm.call("qjs_set_module_loader", 1);
        vm.call("qjs_set_promise_rejection_handler", 1);
        int[] factories = new int[SCRIPTS.size()];
        for (int i = 0; i < factories.length; i++) {
            String script = SCRIPTS.get(i);
            factories[i] = vm.eval(
                    new String(scripts.get(i), StandardCharsets.UTF_8), "tinyvm:" + script.replace(".js", ""), 0);
            if (vm.isException(factories[i])) {
                throw failed(vm, script);
            }
        }
        int host = vm.value("qjs_new_object");
        for (String name : JsHost.NAMES) {
            int function = vm.hostFunction(name);
            vm.set(host, name, function);
            vm.free(function);
        }
        int api = vm.invoke(factories[0], host, factories[1], factories[2]);
        if (vm.isException(api)) {
            throw failed(vm, SCRIPTS.getFirst());
        }
        vm.free(host);
        for (int factory : factories) {
            vm.free(factory);
        }
        vm.call("qjs_run_gc");
        return SnapshotFile.Content.of(
                instance.memory(),
                (int) instance.exports().global("__stack_pointer").getValue(),
                (int) vm.call("qjs_get_runtime_ptr"),
                (int) vm.call("qjs_get_context_ptr"),
                api);
    }

    private static EngineException failed(JsVm vm, String script) {
        return new EngineException(
                Code.FAILED,
                "could not start QuickJS: " + script + " failed: " + vm.text(vm.value("qjs_get_exception")));
    }

    private static Memory plainMemory(MemoryLimits limits) {
        return new ByteArrayMemory(new MemoryLimits(limits.initialPages(), 1024));
    }

    /** While the snapshot is made there is no guest: the clock goes, all else does nothing. */
    private static ImportValues stubs(CompiledModule module) {
        List<HostFunction> functions = new ArrayList<>();
        for (int i = 0; i < module.module().importSection().importCount(); i++) {
            if (module.module().importSection().getImport(i) instanceof FunctionImport wanted) {
                FunctionType type = module.module().typeSection().getType(wanted.typeIndex());
                functions.add(new HostFunction(wanted.module(), wanted.name(), type, (instance, a) -> {
                    if (wanted.name().equals("clock_time_get")) {
                        instance.memory().writeLong((int) a[2], System.currentTimeMillis() * 1_000_000);
                    }
                    return type.returns().isEmpty() ? new long[0] : new long[] {0};
                }));
            }
        }
        return ImportValues.builder()
                .addFunction(functions.toArray(new HostFunction[0]))
                .build();
    }

    /**
     * QuickJS, and what each agent starts as.
     *
     * @param blocks memory that all share
     * @param stackPointer of C's stack in linear memory
     * @param runtime address of the JSRuntime
     * @param context address of the JSContext
     * @param api the value that {@code bootstrap.js} returned
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Snapshot(CompiledModule module, byte[][] blocks, int stackPointer, int runtime, int context, int api) {
        static Snapshot of(CompiledModule module, SnapshotFile.Content content) {
            List<Integer> numbers = content.numbers();
            return new Snapshot(
                    module,
                    GuestMemory.blocks(content.pages()),
                    numbers.get(0),
                    numbers.get(1),
                    numbers.get(2),
                    numbers.get(3));
        }

        /** A new runtime with this state. @throws GuestStop.Trap when the guest's memory limit is too small for it */
        JsVm restore(GuestContext guest, List<HostFunction> functions) {
            Instance instance = WasmProgram.instantiate(module, guest, functions, blocks);
            instance.exports().global("__stack_pointer").setValue(stackPointer);
            JsVm vm = new JsVm(instance);
            vm.call("qjs_set_runtime_and_context", runtime, context);
            return vm;
        }
    }
}
