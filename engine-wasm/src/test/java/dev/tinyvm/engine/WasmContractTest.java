package dev.tinyvm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest.WindowSize;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.wasm.WasmEngine;
import dev.tinyvm.engine.wasm.WasmSettings;
import dev.tinyvm.spec.Volume;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The contract of all engines, kept by the WebAssembly wall. It stands in the contract's own package to replace those tests that ask for what WASI
 * preview 1 does not have; each replacement tests how that is refused.
 */
class WasmContractTest extends EngineContract {
    @TempDir
    private static Path cache;

    @TempDir
    private Path work;

    private Engine engine;

    @BeforeEach
    void open() {
        engine = newEngine();
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private Engine newEngine() {
        return new WasmEngine(new WasmSettings(work, cache, 200L << 20, Optional.empty()));
    }

    @Override
    protected Engine engine() {
        return engine;
    }

    @Override
    protected Engine reopen() {
        engine.close();
        engine = newEngine();
        return engine;
    }

    @Override
    protected ContractCommands commands() {
        return ContractCommands.FAKE;
    }

    @Override
    protected boolean hasTerminals() {
        return false;
    }

    @Override
    protected MachineSpec spec(String id, List<Volume> volumes) {
        return new MachineSpec(id, "src/test/resources/wasm/multi.wasm", RESOURCES, volumes, "tiny", "user");
    }

    @Override
    protected void assertNothingLeft(String id) {
        assertThat(Files.exists(work.resolve(id))).isFalse();
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(n -> n.startsWith("wasm-" + id + "-"));
    }

    @Test
    @Override
    void aTerminalHasASizeThatCanChange() {
        Machine machine = machine();
        ExecRequest request =
                new ExecRequest(List.of("true"), Map.of(), "", "", Optional.of(new WindowSize(24, 80)), false, "");
        assertCode(Code.INVALID, () -> machine.exec(request), "terminal");
    }

    @Test
    @Override
    void sigkillEndsEvenAStubbornCommand() throws Exception {
        try (GuestProcess stubborn = machine().exec(request(commands().stubborn(), false))) {
            assertThat(firstOutput(stubborn)).startsWith("ready");
            stubborn.signal(9, true);
            assertThat(drain(stubborn, 6, 0).status()).isEqualTo(128 + 9);
        }
    }

    @Test
    @Override
    void theHostDialsAPortInside() {
        Machine machine = machine();
        assertCode(Code.NOT_FOUND, () -> machine.dial(7911), "no sockets");
    }

    @Test
    @Override
    void aProgramInsideReachesTheHostThroughAListener() throws Exception {
        // WASI preview 1 has no sockets: what runs inside reaches the port by the interface's HTTP calls.
        Machine machine = machine();
        String call = "{\"url\":\"http://127.0.0.1:7911/\"}";
        java.util.function.Consumer<GuestConnection> hello = connection -> {
            try (connection) {
                connection.input().read();
                connection
                        .output()
                        .write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHELLO".getBytes(StandardCharsets.US_ASCII));
            } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        };
        try (AutoCloseable listener = machine.listen(7911, hello)) {
            assertThat(listener).isNotNull();
            assertThat(run(machine, List.of("http", call)).stdout()).contains("HELLO");
            assertCode(Code.INVALID, () -> machine.listen(7911, hello), "taken");
        }
        assertThat(run(machine, List.of("http", call)).stdout()).contains("ECONNREFUSED");
        try (AutoCloseable again = machine.listen(7911, hello)) {
            assertThat(again).isNotNull();
            assertThat(run(machine, List.of("http", call)).stdout()).contains("HELLO");
        }
    }

    @Test
    @Override
    void manyConnectionsCarryTheirOwnBytes() {
        Machine machine = machine();
        assertCode(Code.NOT_FOUND, () -> machine.dial(7912), "7912");
    }

    /** Its machines are threads of the manager: the next one gets none of their bytes, and is told that they ended. */
    @Test
    @Override
    void theNextManagerGetsEveryByteExactlyOnce() throws Exception {
        String id = newId();
        GuestProcess sleeping = engine().create(spec(id, List.of())).exec(ExecRequest.of("sleep", "1000"));
        Engine next = reopen();
        assertThat(drain(sleeping).end()).isInstanceOf(Output.Lost.class);
        assertThat(next.adopt(List.of(id)).machines()).isEmpty();
        assertNothingLeft(id);
    }

    @Test
    @Override
    void adoptionRemovesWhatNobodyWantsAndReportsWhatHasEnded() throws Exception {
        // What a killed JVM leaves behind is directories.
        Files.createDirectories(work.resolve("wanted"));
        Files.writeString(work.resolve("wanted").resolve("disk"), "x");
        Files.createDirectories(work.resolve("unwanted"));
        Machine alive = machine();
        Engine.Adoption adoption = engine().adopt(List.of(alive.id(), "wanted", "never-was"));
        assertThat(adoption.machines()).containsExactly(alive);
        assertThat(adoption.ended()).containsExactly("wanted");
        assertThat(adoption.removed()).containsExactly("unwanted");
        assertThat(engine().machines()).containsExactly(alive.id());
    }
}
