package dev.tinyvm.bench;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/** The Tiny VMs of a benchmark: small and idle. Closing it removes those that are left, also after a failure half-way. For one thread. */
final class Vms implements AutoCloseable {
    private static final String WASM = "wasm";
    private static final String DESCRIPTOR = """
            {"apiVersion":"tinyvm.dev/v1","kind":"Agent","metadata":{"labels":{"bench":"true"}},\
            "spec":{"image":"host","engine":"%s","resources":{"cpu":"%s","memory":"32Mi","disk":"16Mi","pids":32}}}""";
    private static final String ECHO = "{\"command\":[\"/bin/echo\",\"hello\"]}";
    /** A Tiny VM of the JavaScript runtime has no first process: what lives in it is what it runs. */
    private static final String SCRIPT_DESCRIPTOR = """
            {"apiVersion":"tinyvm.dev/v1","kind":"Agent","metadata":{"labels":{"bench":"true"}},\
            "spec":{"image":"js","engine":"wasm",%s"resources":{"cpu":"%s","memory":"32Mi","disk":"16Mi","pids":32}}}""";

    private static final String SCRIPT_ECHO = "{\"command\":[\"js\",\"-e\",\"console.log('hello')\"]}";
    private static final String WAITING_AGENT = "\"command\":[\"js\",\"-e\",\"setInterval(() => {}, 1e9)\"],";

    private final Wire wire;
    private final String descriptor;
    private final String echo;
    private final Deque<String> ids = new ArrayDeque<>();

    private Vms(Wire wire, String descriptor, String echo) {
        this.wire = wire;
        this.descriptor = descriptor;
        this.echo = echo;
    }

    /** For commands one after another. @param cpu such as {@code 0.1} */
    static Vms of(Wire wire, String engine, String cpu) {
        return engine.equals(WASM)
                ? new Vms(wire, SCRIPT_DESCRIPTOR.formatted("", cpu), SCRIPT_ECHO)
                : new Vms(wire, DESCRIPTOR.formatted(engine, cpu), ECHO);
    }

    /** Each with what an idle agent of that wall keeps in memory. */
    static Vms idle(Wire wire, String engine, String cpu) {
        return engine.equals(WASM)
                ? new Vms(wire, SCRIPT_DESCRIPTOR.formatted(WAITING_AGENT, cpu), SCRIPT_ECHO)
                : of(wire, engine, cpu);
    }

    /** Makes one. @return its id */
    String create() throws IOException {
        Wire.Answer answer = wire.call("POST", "/api/v1/vms", descriptor);
        String id = answer.field("id");
        ids.addLast(id);
        if (answer.status() == 202) {
            throw new IOException(
                    "the host is full: Tiny VM " + id + " waits for room; give the manager more with up --capacity");
        }
        return id;
    }

    /** Runs {@code echo} in it and checks what it says. */
    void echo(String id) throws IOException {
        Wire.Answer answer = wire.call("POST", "/api/v1/vms/" + id + "/exec", echo);
        if (!answer.field("stdout").startsWith("hello")) {
            throw new IOException("echo said something else: " + answer.body());
        }
    }

    void pause(String id) throws IOException {
        wire.call("POST", "/api/v1/vms/" + id + "/pause", "{}");
    }

    void resume(String id) throws IOException {
        wire.call("POST", "/api/v1/vms/" + id + "/resume", "{}");
    }

    void remove(String id) throws IOException {
        wire.call("DELETE", "/api/v1/vms/" + id, "");
        ids.remove(id);
    }

    int count() {
        return ids.size();
    }

    /** Removes those that are left. */
    void removeAll() throws IOException {
        while (!ids.isEmpty()) {
            remove(ids.getLast());
        }
    }

    @Override
    public void close() throws IOException {
        removeAll();
    }
}
