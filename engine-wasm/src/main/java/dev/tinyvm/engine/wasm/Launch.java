package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * An exec request that has been found possible: what it runs, as whom, with which environment.
 *
 * @param machine where
 * @param request as it came
 * @param uid its user
 * @param environment complete
 */
record Launch(WasmMachine machine, ExecRequest request, int uid, Map<String, String> environment) {
    /** Buffers for its streams, taken from the common heap as long as the process is remembered. */
    static final long PROCESS_HEAP_BYTES = ProcessStreams.KEPT_BYTES + ProcessStreams.STDIN_BYTES;

    private static final int MAX_ARGUMENT_BYTES = 1 << 20;
    private static final Set<String> SHELLS =
            Set.of("sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "csh", "tcsh", "busybox");

    /** @throws EngineException {@code NOT_FOUND} or {@code INVALID} with the reason */
    static Launch of(WasmMachine machine, ExecRequest request) {
        if (request.command().isEmpty()) {
            throw new EngineException(Code.INVALID, "there is no command to start in " + machine.id());
        }
        String word = request.command().getFirst();
        if (request.terminal().isPresent()) {
            throw new EngineException(
                    Code.INVALID,
                    "could not start " + word + " in " + machine.id() + " with a terminal: a WebAssembly Tiny VM has"
                            + " none; run it without -t, or use `engine: container`");
        }
        if (!machine.program().answersTo(word)) {
            throw notFound(machine, word);
        }
        String user = request.user().isEmpty() ? machine.spec().defaultUser() : request.user();
        Integer uid = Users.find(user.isEmpty() ? Users.DEFAULT : user);
        if (uid == null) {
            throw new EngineException(
                    Code.NOT_FOUND,
                    "could not start " + word + " in " + machine.id() + ": there is no user " + user
                            + ", only root, user and nobody");
        }
        String directory = directory(machine, request, uid);
        Map<String, String> environment = environment(machine, request, uid, directory);
        long bytes = size(request.command()) + size(environment.keySet()) + size(environment.values());
        if (bytes > MAX_ARGUMENT_BYTES) {
            throw new EngineException(
                    Code.INVALID,
                    "could not start " + word + " in " + machine.id() + ": arguments and environment have " + bytes
                            + " bytes, and " + MAX_ARGUMENT_BYTES + " are allowed");
        }
        return new Launch(machine, request, uid, environment);
    }

    /** Takes the buffers; the process has not started. @throws EngineException {@code LIMIT} when the host has no memory for it */
    WasmProcess process(int processId) {
        if (!machine.heap().take(PROCESS_HEAP_BYTES)) {
            throw new EngineException(
                    Code.LIMIT,
                    "could not start a command in " + machine.id() + ": all guests together hold the "
                            + machine.heap().totalBytes() + " bytes of heap that they may; end some, forget ended"
                            + " processes, or give the JVM a larger -Xmx");
        }
        WasmProcess[] self = new WasmProcess[1];
        self[0] = new WasmProcess(
                machine,
                processId,
                request,
                () -> self[0].live(
                        machine.program(), new GuestContext(self[0], machine, request.command(), environment, uid)));
        return self[0];
    }

    private static EngineException notFound(WasmMachine machine, String word) {
        String name = word.substring(word.lastIndexOf('/') + 1);
        String only = "a WebAssembly Tiny VM runs only its own program, "
                + machine.program().names();
        return SHELLS.contains(name)
                ? new EngineException(
                        Code.INVALID,
                        "could not start " + word + " in " + machine.id() + ": there is no shell; " + only
                                + "; use `engine: container` for commands")
                : new EngineException(
                        Code.NOT_FOUND, "could not start " + word + " in " + machine.id() + ": not found; " + only);
    }

    private static String directory(WasmMachine machine, ExecRequest request, int uid) {
        String directory = request.workingDir().isEmpty() ? Users.home(uid) : request.workingDir();
        try {
            FileNode node = machine.tree().find(machine.tree().root(), directory, uid, true);
            if (node.isDirectory()) {
                return directory.startsWith("/") ? directory : "/" + directory;
            }
            throw FileTree.failure(Errno.ENOTDIR, directory);
        } catch (GuestFileException e) {
            throw new EngineException(
                    Code.NOT_FOUND,
                    "could not start a command in " + machine.id() + ": its directory " + directory
                            + " cannot be entered: " + e.code(),
                    e);
        }
    }

    private static Map<String, String> environment(
            WasmMachine machine, ExecRequest request, int uid, String directory) {
        Map<String, String> environment = new LinkedHashMap<>();
        environment.put("HOME", Users.home(uid));
        environment.put("USER", Users.name(uid));
        environment.put("LOGNAME", Users.name(uid));
        environment.put("HOSTNAME", machine.spec().hostname());
        environment.put("PWD", directory);
        environment.putAll(request.env());
        for (Map.Entry<String, String> entry : environment.entrySet()) {
            if (entry.getKey().isEmpty()
                    || entry.getKey().indexOf('=') >= 0
                    || (entry.getKey() + entry.getValue()).indexOf('\0') >= 0) {
                throw new EngineException(
                        Code.INVALID, "a variable's name is empty or contains = , or it contains a zero byte");
            }
        }
        if (request.command().stream().anyMatch(a -> a.indexOf('\0') >= 0)) {
            throw new EngineException(Code.INVALID, "an argument contains a zero byte");
        }
        return environment;
    }

    private static long size(java.util.Collection<String> texts) {
        return texts.stream()
                .mapToLong(t -> t.getBytes(StandardCharsets.UTF_8).length + 1L)
                .sum();
    }
}
