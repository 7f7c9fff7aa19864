package dev.tinyvm.engine;

import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.spec.Resources;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;

/** One engine's view of a {@link FakeVm}: what is lost when the engine is closed, while the VM goes on. */
public final class FakeMachine implements Machine {
    private final FakeVm vm;
    private final Set<FakeStream> streams = ConcurrentHashMap.newKeySet();
    private final CompletableFuture<MachineEnd> ended = new CompletableFuture<>();
    private volatile boolean cut;

    FakeMachine(FakeVm vm) {
        this.vm = vm;
        CompletableFuture<Void> _ = vm.ended().thenAccept(end -> {
            if (!cut) {
                ended.complete(end);
            }
        });
    }

    @Override
    public String id() {
        return vm.id();
    }

    @Override
    public long hostPid() {
        return vm.hostPid();
    }

    @Override
    public GuestProcess exec(ExecRequest request) {
        requireThawed("start a command");
        return stream(new FakeStream(vm.start(request), 0, 0));
    }

    @Override
    public List<ProcessInfo> processes() {
        requireThawed("list processes");
        return vm.processes();
    }

    @Override
    public GuestProcess attach(int processId, long stdoutOffset, long stderrOffset) {
        requireThawed("attach to a process");
        return stream(new FakeStream(vm.process(processId), stdoutOffset, stderrOffset));
    }

    @Override
    public void forget(int processId) {
        requireThawed("forget a process");
        vm.forget(processId);
    }

    @Override
    public GuestFiles files() {
        return vm.files().guardedBy(() -> requireThawed("use a file"));
    }

    @Override
    public GuestConnection dial(int port) {
        requireThawed("dial a port");
        return vm.ports().dial(port);
    }

    @Override
    public AutoCloseable listen(int port, Consumer<GuestConnection> handler) {
        requireThawed("listen on a port");
        return vm.ports().listenFromHost(port, handler);
    }

    @Override
    public boolean hasDatagrams() {
        return true;
    }

    @Override
    public AutoCloseable answerDatagrams(int port, Function<byte[], Optional<byte[]>> answering) {
        requireThawed("take datagrams of a port");
        return vm.ports().answerFromHost(port, answering);
    }

    @Override
    public void freeze() {
        requireLive();
        vm.freeze();
    }

    @Override
    public void thaw() {
        requireLive();
        vm.thaw();
    }

    @Override
    public RoutedInterface attachNetwork(List<RoutedRule> rules) {
        requireLive();
        return vm.attachNetwork(rules);
    }

    @Override
    public void detachNetwork() {
        requireLive();
        vm.detachNetwork();
    }

    @Override
    public void setNetworkRules(List<RoutedRule> rules) {
        requireLive();
        vm.setNetworkRules(rules);
    }

    @Override
    public Optional<RoutedStats> networkStats() {
        return vm.networkStats();
    }

    @Override
    public void resize(Resources resources) {
        requireLive();
        vm.resize(resources);
    }

    @Override
    public MachineStats stats() {
        requireLive();
        return vm.stats();
    }

    @Override
    public Pulse pulse() {
        requireLive();
        return vm.pulse();
    }

    @Override
    public Usage usage() {
        MachineStats stats = vm.stats();
        return new Usage(
                stats.cpuMicros(),
                stats.memoryBytes(),
                vm.networkStats().map(RoutedStats::bytesOut).orElse(0L));
    }

    @Override
    public void shutdown(Duration gracePeriod) {
        requireLive();
        vm.shutdown(gracePeriod);
    }

    @Override
    public void kill() {
        requireLive();
        vm.end(new MachineEnd(MachineEnd.Cause.REQUESTED, "killed"));
    }

    @Override
    public void destroy() {
        vm.destroy();
    }

    @Override
    public CompletableFuture<MachineEnd> ended() {
        return ended.copy();
    }

    void cutOff() {
        cut = true;
        streams.forEach(s -> s.lose("the engine was closed"));
    }

    private GuestProcess stream(FakeStream stream) {
        streams.removeIf(FakeStream::over);
        streams.add(stream);
        if (cut) {
            stream.lose("the engine was closed");
        }
        return stream;
    }

    private void requireLive() {
        if (cut) {
            throw new EngineException(Code.GONE, "the engine of " + vm.id() + " was closed");
        }
        vm.requireLive();
    }

    private void requireThawed(String attempt) {
        requireLive();
        if (vm.frozen()) {
            throw new EngineException(
                    Code.INVALID, "could not " + attempt + " in " + vm.id() + ": it is frozen (paused); thaw it first");
        }
    }
}
