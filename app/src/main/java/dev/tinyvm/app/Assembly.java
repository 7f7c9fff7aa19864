package dev.tinyvm.app;

import dev.tinyvm.e2b.E2bSettings;
import dev.tinyvm.e2b.TokenKey;
import dev.tinyvm.e2b.door.E2bDoor;
import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.container.ContainerEngine;
import dev.tinyvm.engine.oci.OciEngine;
import dev.tinyvm.engine.oci.OciRuntime;
import dev.tinyvm.engine.wasm.ScriptFiles;
import dev.tinyvm.engine.wasm.WasmEngine;
import dev.tinyvm.engine.wasm.WasmSettings;
import dev.tinyvm.images.Image;
import dev.tinyvm.images.ImageException;
import dev.tinyvm.images.ImageStore;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.images.SignedImages;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerTime;
import dev.tinyvm.llm.Allowance;
import dev.tinyvm.llm.Billing;
import dev.tinyvm.llm.ConfiguredLimits;
import dev.tinyvm.llm.Gateway;
import dev.tinyvm.llm.GatewayPlan;
import dev.tinyvm.llm.TapeSource;
import dev.tinyvm.llm.WaitListener;
import dev.tinyvm.llm.inside.DescriptorLimits;
import dev.tinyvm.llm.inside.LabelledTapes;
import dev.tinyvm.llm.inside.LoopbackGateway;
import dev.tinyvm.llm.inside.WaitSignals;
import dev.tinyvm.llm.tape.Tapes;
import dev.tinyvm.manager.HostManager;
import dev.tinyvm.manager.ImageCatalog;
import dev.tinyvm.manager.LoopbackService;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.network.EgressProxy;
import dev.tinyvm.network.HostResolver;
import dev.tinyvm.server.TinyVmServer;
import dev.tinyvm.server.http.Authenticator;
import dev.tinyvm.server.llm.LlmDoor;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.ProgramImages;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The one place where the rooms are put together: images and engine below, manager in the middle, server on top. Each is closed by who made it, in the reverse order. */
final class Assembly {
    private final List<Engine> engines;
    private final Ledger ledger;
    private final Manager manager;
    private final E2bDoor e2b;
    private final Optional<Gateway> gateway;
    private final TinyVmServer server;
    private final EgressProxy egress;

    private Assembly(
            List<Engine> engines,
            Ledger ledger,
            Manager manager,
            Optional<Gateway> gateway,
            E2bDoor e2b,
            TinyVmServer server,
            EgressProxy egress) {
        this.engines = engines;
        this.ledger = ledger;
        this.manager = manager;
        this.gateway = gateway;
        this.e2b = e2b;
        this.server = server;
        this.egress = egress;
    }

    /** @param spawnerSocket empty: WebAssembly is the only wall @param moduleCache where compiled modules are kept; empty: in the data directory @param localKey of commands on this machine @param onShutdown told whether Tiny VMs go on when a client asks the manager to stop */
    static Assembly of(
            LocalManager.Plan plan,
            Optional<Path> spawnerSocket,
            Optional<Path> moduleCache,
            String localKey,
            Consumer<Boolean> onShutdown) {
        Map<EngineKind, Engine> engines = new EnumMap<>(EngineKind.class);
        spawnerSocket.ifPresent(socket -> {
            engines.put(EngineKind.CONTAINER, new ContainerEngine(socket));
            for (OciRuntime runtime : OciRuntime.values()) {
                engines.put(runtime.kind(), new OciEngine(runtime, socket));
            }
        });
        engines.put(EngineKind.WASM, new WasmEngine(wasm(plan.data().managerState(), moduleCache)));
        ImageCatalog images = catalog(new ImageStore(plan.images()), plan.signatures(), plan.programs());
        Ledger ledger = ledger(plan);
        EgressProxy egress = new EgressProxy(
                plan.data().managerState().resolve("egress"),
                new HostResolver(),
                plan.egress().limits(),
                plan.egress().credentials(),
                (vm, bytesOut, bytesIn) -> ledger.egress(vm, bytesOut));
        CompletableFuture<Manager> made = new CompletableFuture<>();
        WaitSignals waits = new WaitSignals();
        Tapes tapes = new Tapes(plan.data().managerState().resolve(TapeCommands.DIRECTORY));
        Optional<Gateway> gateway =
                gateway(plan.llm(), new Billing(ledger), waits, made, new LabelledTapes(tapes, made::join));
        List<LoopbackService> loopback = Stream.concat(
                        gateway.map(LoopbackGateway::new).stream(), Stream.<LoopbackService>of(egress))
                .toList();
        Manager manager;
        try {
            manager = HostManager.open(
                    plan.settings(), plan.data().managerState(), engines, images, loopback, ledger, Clock.systemUTC());
        } catch (RuntimeException e) {
            ledger.close();
            throw e;
        }
        made.complete(manager);
        waits.tell(manager.activity());
        egress.holdWith(vm -> manager.activity().hold(vm));
        egress.routeWith(manager.routedNetworks());
        Authenticator keys =
                new Authenticator(secret -> manager.authenticate(secret).map(Manager.KeyInfo::name), localKey);
        E2bSettings settings =
                E2bSettings.of(tokenKey(plan.data())).withEgress(plan.egress().e2bEgress());
        E2bDoor e2b = new E2bDoor(
                manager, keys, plan.e2bDomain().isEmpty() ? settings : settings.withDomain(plan.e2bDomain()));
        TinyVmServer server = new TinyVmServer(
                plan.http(), manager, keys, List.of(e2b, new LlmDoor(gateway, keys, tapes)), onShutdown);
        return new Assembly(List.copyOf(engines.values()), ledger, manager, gateway, e2b, server, egress);
    }

    private static WasmSettings wasm(Path state, Optional<Path> moduleCache) {
        WasmSettings settings = WasmSettings.under(state);
        WasmSettings kept = moduleCache.map(settings::withCache).orElse(settings);
        return ModuleCacheDirectory.prepared().map(kept::withPrepared).orElse(kept);
    }

    /** @throws IOException the port is in use */
    void listen() throws IOException {
        server.start();
    }

    String url() {
        return server.url();
    }

    /** Such as {@code https://127.0.0.1:7443}; empty: there is no TLS port. */
    Optional<String> tlsUrl() {
        return server.tlsUrl();
    }

    /** What it can do, for people. */
    String description() {
        Manager.HostStatus host = manager.host();
        List<String> walls = host.engines().stream()
                .map(e -> e.engine() + (e.available() ? ": " : " not available: ") + e.detail())
                .toList();
        return String.join("; ", walls) + "; " + host.vmsLive() + " Tiny VMs live";
    }

    /** Ends all. @param machines whether Tiny VMs are stopped; otherwise they go on */
    void stop(boolean machines) {
        manager.shutdown(machines);
        gateway.ifPresent(Gateway::close);
        server.close();
        e2b.close();
        egress.close();
        manager.close();
        ledger.close();
        engines.forEach(Engine::close);
    }

    /** Empty: no provider is configured. */
    private static Optional<Gateway> gateway(
            GatewayPlan plan,
            Billing billing,
            WaitListener waits,
            CompletableFuture<Manager> manager,
            TapeSource tapes) {
        if (plan.config().providers().isEmpty()) {
            return Optional.empty();
        }
        Allowance.Source limits =
                billing.within(new ConfiguredLimits(plan.config().limits(), new DescriptorLimits(manager::join)));
        try {
            return Optional.of(plan.open(limits, billing.spending(), billing, waits, tapes));
        } catch (IOException e) {
            throw new UncheckedIOException("could not open the LLM gateway", e);
        }
    }

    private static Ledger ledger(LocalManager.Plan plan) {
        ManagerConfig.Ledger config = plan.settings().ledger();
        Path file = plan.data().managerState().resolve("ledger.db");
        return Ledger.open(file, config.prices(), config.linesKept(), LedgerTime.SYSTEM);
    }

    private static TokenKey tokenKey(DataDirectory data) {
        Path file = data.managerState().resolve("e2b.key");
        try {
            return TokenKey.load(file);
        } catch (IOException e) {
            throw new UncheckedIOException("could not read or make the key of sandbox tokens, " + file, e);
        }
    }

    static ImageCatalog catalog(ImageStore store, SignaturePolicy signatures, ProgramFiles programs) {
        SignedImages usable = new SignedImages(store, signatures);
        // Nothing of it that machines are made from changes with the host's packages; only its digest does.
        Optional<ImageCatalog.ImageInfo> host = store.find(ImageStore.HOST).map(image -> info(ImageStore.HOST, image));
        return new ImageCatalog() {
            @Override
            public Optional<ImageInfo> find(String reference) {
                if (reference.equals(ImageStore.HOST)) {
                    return host;
                }
                if (WasmEngine.takes(reference)) {
                    return Optional.of(program(reference, programs));
                }
                try {
                    return usable.find(reference).map(image -> info(reference, image));
                } catch (ImageException e) {
                    if (e.code() == ImageException.Code.UNSIGNED) {
                        throw new ManagerException(ManagerException.Code.IMAGE, String.valueOf(e.getMessage()));
                    }
                    throw e;
                }
            }

            @Override
            public List<ImageInfo> list() {
                // As descriptors call them: pulled images by their tags, not by the digests that are their names.
                Map<String, Image> images = store.list().stream()
                        .collect(Collectors.toMap(Image::name, image -> image, (a, b) -> a, LinkedHashMap::new));
                Stream<ImageInfo> tagged = store.tags().stream()
                        .flatMap(tag ->
                                Stream.ofNullable(images.get(tag.image())).map(image -> info(tag.familiar(), image)));
                Stream<ImageInfo> named = images.values().stream()
                        .filter(image -> image.manifests().isEmpty())
                        .map(image -> info(image.name(), image));
                return Stream.concat(named, tagged).toList();
            }
        };
    }

    private static ImageCatalog.ImageInfo program(String reference, ProgramFiles programs) {
        String machineImage =
                ProgramImages.isFile(reference) ? programs.find(reference).toString() : reference;
        return new ImageCatalog.ImageInfo(
                reference,
                machineImage,
                "user",
                Map.of(),
                "",
                WasmEngine.defaultCommand(machineImage),
                Optional.of(EngineKind.WASM),
                onLinux(machineImage));
    }

    /** A script on this machine's own Node or Python, which image {@code host} shows to Tiny VMs. */
    private static Optional<ImageCatalog.OnLinux> onLinux(String file) {
        if (file.endsWith(".js") || file.endsWith(".mjs")) {
            return Optional.of(onLinux(Path.of(file), "node", "nodejs", false));
        }
        return file.endsWith(".py")
                ? Optional.of(onLinux(Path.of(file), "python3", "python3", true))
                : Optional.empty();
    }

    private static ImageCatalog.OnLinux onLinux(Path script, String program, String debian, boolean preferred) {
        boolean there = Stream.of("/usr/bin/", "/usr/local/bin/", "/bin/")
                .anyMatch(directory -> Files.isExecutable(Path.of(directory + program)));
        return new ImageCatalog.OnLinux(
                "host",
                there ? "" : "this machine has no " + program + ", which runs scripts there; apt-get install " + debian,
                preferred,
                () -> ScriptFiles.of(script).forLinux().stream()
                        .map(file -> new ImageCatalog.SeedFile(file.path(), file.content(), file.mode()))
                        .toList());
    }

    private static ImageCatalog.ImageInfo info(String reference, Image image) {
        return new ImageCatalog.ImageInfo(
                reference,
                image.name(),
                image.defaultUser(),
                image.env(),
                image.workingDir(),
                image.defaultCommand(),
                Optional.empty());
    }
}
