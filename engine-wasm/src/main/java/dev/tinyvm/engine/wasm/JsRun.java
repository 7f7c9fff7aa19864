package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import run.endive.runtime.HostFunction;
import run.endive.runtime.Instance;

/**
 * One run of a script: evaluates it, then alternates between promise jobs and timers until there is nothing left to do. Its guest's thread
 * uses it.
 */
final class JsRun {
    private static final String ENV = "env";
    private static final int PENDING = 0;
    private static final int REJECTED = 2;
    private static final int NEVER_SETTLED = 13;
    private static final double MAX_WAIT_MILLIS = 1e12;

    private final GuestContext guest;
    private final JsVm vm;
    private final JsHost host;
    private final JsWeb web;
    private final int api;
    private final Map<Integer, String> unhandled = new LinkedHashMap<>();

    JsRun(QuickJs.Snapshot snapshot, GuestContext guest) {
        this.guest = guest;
        this.api = snapshot.api();
        this.vm = snapshot.restore(guest, functions());
        this.web = new JsWeb(guest);
        this.host = new JsHost(guest, vm, web);
    }

    /** @return the exit code */
    int file(String path, List<String> arguments) {
        String source;
        try {
            source = new String(host.readFile(path), StandardCharsets.UTF_8);
        } catch (GuestFileException e) {
            return fail("could not read the script " + path + ": " + e.code());
        }
        return run(source, path, arguments);
    }

    /** @return the exit code */
    int code(String source, List<String> arguments) {
        return run(source, "/eval.js", arguments);
    }

    private int run(String source, String path, List<String> arguments) {
        setUp(path, arguments);
        int promise = vm.eval(source, path, JsVm.MODULE);
        if (vm.isException(promise)) {
            return uncaught();
        }
        vm.call("qjs_promise_mark_as_handled", promise);
        int turn = vm.get(api, "turn");
        while (true) {
            if (!jobs()) {
                return uncaught();
            }
            if (vm.call("qjs_promise_state", promise) == REJECTED) {
                return fail("Uncaught " + describe(vm.value("qjs_promise_result", promise)));
            }
            if (!unhandled.isEmpty()) {
                return fail(
                        "Uncaught (in promise) " + unhandled.values().iterator().next());
            }
            int next = vm.invoke(turn);
            if (vm.isException(next)) {
                return uncaught();
            }
            double millis = vm.toNumber(next);
            vm.free(next);
            if (vm.call("qjs_is_job_pending") != 0 || deliver()) {
                continue;
            }
            // See wait() in bootstrap.js: below zero is the time of a timer for whose sake nobody waits.
            if (millis < 0 && !web.pending()) {
                break;
            }
            double left = millis < 0 ? -1 - millis : millis;
            if (left > 0) {
                web.await(left < MAX_WAIT_MILLIS ? (long) (left * 1e6) : Long.MAX_VALUE);
            }
        }
        if (vm.call("qjs_promise_state", promise) == PENDING) {
            fail("a top-level await never ended, and nothing is left that could end it");
            return NEVER_SETTLED;
        }
        int code = vm.invoke(vm.get(api, "exitCode"));
        return (int) vm.toNumber(code);
    }

    /** Hands what has happened to the script. @return whether it was anything */
    private boolean deliver() {
        JsWeb.Event event = web.next();
        if (event == null) {
            return false;
        }
        byte[] bytes = event.bytes();
        int[] values = {
            vm.number(event.number()),
            vm.string(event.kind()),
            vm.number(event.status()),
            vm.string(event.text()),
            bytes == null ? vm.undefined() : vm.bytes(bytes)
        };
        vm.free(vm.invoke(vm.get(api, "event"), values));
        for (int value : values) {
            vm.free(value);
        }
        return true;
    }

    private void setUp(String path, List<String> arguments) {
        int argv = vm.value("qjs_new_array");
        List<String> all = new java.util.ArrayList<>(List.of(JsProgram.NAME, path));
        all.addAll(arguments);
        for (int i = 0; i < all.size(); i++) {
            vm.call("qjs_set_prop_uint32", argv, i, vm.string(all.get(i)));
        }
        int env = vm.value("qjs_new_object");
        guest.environment().forEach((name, value) -> vm.set(env, name, vm.string(value)));
        String directory = guest.variable("PWD");
        vm.free(vm.invoke(vm.get(api, "setup"), argv, env, vm.string(directory == null ? "/" : directory)));
    }

    /** False when a job failed. */
    private boolean jobs() {
        while (vm.call("qjs_is_job_pending") != 0) {
            if (vm.value("qjs_execute_pending_job") < 0) {
                return false;
            }
        }
        return true;
    }

    private int uncaught() {
        return fail("Uncaught " + describe(vm.value("qjs_get_exception")));
    }

    private String describe(int error) {
        int text = vm.invoke(vm.get(api, "describe"), error);
        return vm.isException(text) ? "an error that cannot be described" : vm.text(text);
    }

    private int fail(String message) {
        WasiDescriptors.writeAll(guest, true, (message.stripTrailing() + "\n").getBytes(StandardCharsets.UTF_8));
        return 1;
    }

    private List<HostFunction> functions() {
        return List.of(
                function("host_call", "iiiii", "i", this::hostCall),
                function("host_interrupt", "", "i", (g, a) -> 0),
                function("host_promise_rejection", "iii", "", this::rejection),
                function("host_module_normalize", "ii", "i", this::normalize),
                function("host_module_load", "ii", "i", this::load),
                function("host_get_timezone_offset", "ii", "i", (g, a) -> 0));
    }

    private HostFunction function(String name, String parameters, String results, HostFunctions.Call call) {
        return new HostFunction(
                ENV, name, HostFunctions.type(parameters, results), (Instance instance, long... arguments) -> {
                    long result = HostFunctions.guarded(guest, call, arguments);
                    return results.isEmpty() ? new long[0] : new long[] {result};
                });
    }

    private int hostCall(GuestContext own, long[] a) {
        String name = GuestBytes.text(own.memory(), a[0], a[1], 64);
        int[] arguments = new int[Math.clamp(a[3], 0, 16)];
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = own.memory().readInt((int) a[4] + 4 * i);
        }
        return host.call(name, arguments);
    }

    /** The runtime tells of promises that were rejected without a handler, and of those that got one later. */
    private int rejection(GuestContext own, long[] a) {
        int promise = vm.value("qjs_get_value_ptr", a[0]);
        if (a[2] != 0) {
            unhandled.remove(promise);
        } else {
            unhandled.put(promise, vm.isException((int) a[1]) ? "" : describe((int) a[1]));
        }
        vm.free((int) a[0]);
        vm.free((int) a[1]);
        return 0;
    }

    private int normalize(GuestContext own, long[] a) {
        String name = JsModules.resolve(vm.cString((int) a[0]), vm.cString((int) a[1]));
        return vm.store(name.getBytes(StandardCharsets.UTF_8));
    }

    private int load(GuestContext own, long[] a) {
        String name = vm.cString((int) a[0]);
        byte[] source;
        try {
            source = JsModules.isFile(name) ? host.readFile(name) : builtin(name);
        } catch (GuestFileException e) {
            vm.raise(vm.error("could not import " + name + ": " + e.getMessage(), e.code()));
            return 0;
        }
        own.memory().writeI32((int) a[1], source.length);
        return vm.store(source);
    }

    private byte[] builtin(String name) {
        int source = vm.invoke(vm.get(api, "builtin"), vm.string(name));
        String text = vm.text(source);
        vm.free(source);
        if (text.isEmpty()) {
            throw JsModules.unknown(name);
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
