package dev.tinyvm.e2b;

import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.VmQuery;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.spec.Network;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * Sandboxes over the manager's VMs. A sandbox is a VM that carries the tag {@code e2b.template}; all others are invisible here.
 *
 * <p>Changes of one sandbox's life (timeout, connect, pause) are made one after another, under a lock chosen by its id; no other lock is taken under it.
 */
public final class Sandboxes {
    /** What a client that names no timeout gets. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(5);

    /** The longest life that one request can give: E2B's own limit is a day. */
    static final Duration MAX_TIMEOUT = Duration.ofDays(30);

    private static final int ID_LENGTH = 20;
    private static final Pattern ID = Pattern.compile("[a-z0-9]{8,32}");
    private static final String ID_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Manager manager;
    private final E2bSettings settings;
    private final Map<String, Template> templates = new LinkedHashMap<>();
    private final Fittings fittings = new Fittings();
    private final Set<String> dying = ConcurrentHashMap.newKeySet();
    private final ReentrantLock[] locks = new ReentrantLock[64];

    public Sandboxes(Manager manager, E2bSettings settings) {
        this.manager = manager;
        this.settings = settings;
        settings.templates().forEach(t -> templates.put(t.id(), t));
        for (int i = 0; i < locks.length; i++) {
            locks[i] = new ReentrantLock();
        }
    }

    public Manager manager() {
        return manager;
    }

    public E2bSettings settings() {
        return settings;
    }

    public List<Template> templates() {
        return List.copyOf(templates.values());
    }

    /** By id or name; a tag ({@code base:latest}) and E2B's own team prefix ({@code team/base}) are fine. */
    public Optional<Template> template(String name) {
        String plain = name.substring(name.indexOf('/') + 1);
        if (plain.endsWith(":default") || plain.endsWith(":latest")) {
            plain = plain.substring(0, plain.indexOf(':'));
        }
        return Optional.ofNullable(templates.get(plain));
    }

    /** Makes one, and returns once it runs. @param owner name of the key of whoever asks, for the bill */
    public Sandbox create(NewSandbox wish, String owner) {
        Template template = template(wish.template())
                .orElseThrow(() -> new E2bError(
                        404,
                        "template '" + wish.template() + "' not found; there are: "
                                + String.join(", ", templates.keySet())));
        String id = freshId();
        Instant now = settings.clock().instant();
        Map<String, String> env = new LinkedHashMap<>();
        env.put("E2B_SANDBOX", "true");
        env.put("E2B_SANDBOX_ID", id);
        env.put("E2B_TEMPLATE_ID", template.id());
        env.putAll(wish.env());
        Map<String, String> tags = new HashMap<>();
        tags.put(Sandbox.TEMPLATE, template.id());
        tags.put(Sandbox.METADATA, Sandbox.JSON.writeValueAsString(wish.metadata()));
        tags.put(Sandbox.NETWORK, wish.network().json().toString());
        tags.put(Sandbox.INTERNET, Boolean.toString(wish.internet()));
        tags.put(Sandbox.ON_TIMEOUT, wish.autoPause() ? "pause" : "kill");
        tags.put(Sandbox.AUTO_PAUSE_MEMORY, Boolean.toString(wish.autoPauseMemory()));
        tags.put(Sandbox.AUTO_RESUME, Boolean.toString(wish.autoResume()));
        tags.put(Sandbox.TIMEOUT_SECONDS, Long.toString(wish.timeout().toSeconds()));
        Deadline deadline = new Deadline(now.plus(wish.timeout()), action(wish.autoPause()));
        tags.put(Sandbox.END_AT, deadline.at().toString());
        VmStatus vm = manager.create(new CreateRequest(
                template.descriptor("e2b-" + id, env, egress(wish.rules(), wish.internet())),
                id,
                "",
                false,
                false,
                tags,
                Optional.of(deadline),
                owner));
        try {
            SandboxMarks.write(manager.files(id), env);
            fittings.add(template.image(), manager.files(id));
        } catch (RuntimeException e) {
            discard(id, e);
            throw e;
        }
        return sandbox(vm).orElseThrow(() -> E2bError.noSandbox(id));
    }

    /** Its creator never learns of it, so nobody else would end it before its timeout. */
    private void discard(String id, RuntimeException why) {
        try {
            manager.remove(id);
        } catch (ManagerException e) {
            why.addSuppressed(e);
        }
    }

    /** A live one. E2B's old ids have a client's id behind a dash; that is cut off. */
    public Sandbox get(String id) {
        return find(id).orElseThrow(() -> E2bError.noSandbox(id));
    }

    /** Empty: there is none, or it has ended. */
    public Optional<Sandbox> find(String fullId) {
        String id = shortId(fullId);
        if (!ID.matcher(id).matches() || dying.contains(id)) {
            return Optional.empty();
        }
        try {
            VmStatus vm = manager.vm(id);
            return vm.id().equals(id) ? sandbox(vm) : Optional.empty();
        } catch (ManagerException e) {
            if (e.code() == ManagerException.Code.NOT_FOUND || e.code() == ManagerException.Code.GONE) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** All live ones, in no particular order. */
    public List<Sandbox> all() {
        List<Sandbox> found = new ArrayList<>();
        String token = "";
        do {
            var page = manager.vms(new VmQuery(Map.of(), List.of(), "", token, 1000));
            page.items().stream()
                    .filter(vm -> !dying.contains(vm.id()))
                    .forEach(vm -> sandbox(vm).ifPresent(found::add));
            token = page.nextToken();
        } while (!token.isEmpty());
        return found;
    }

    /** Ends it at once. From now on nobody finds it, so that a client whose stream breaks off sees that it is gone. */
    public void kill(String id) {
        String known = get(id).id();
        dying.add(known);
        try {
            manager.remove(known);
        } finally {
            dying.remove(known);
        }
    }

    /** It ends so long from now, whether that is sooner or later than before. */
    public void setTimeout(String id, Duration timeout) {
        locked(id, () -> {
            Sandbox sandbox = get(id);
            if (sandbox.paused()) {
                throw new E2bError(409, "Sandbox '" + id + "' is paused; connect to it to resume it");
            }
            live(sandbox, timeout);
            return sandbox;
        });
    }

    /** It lives at least so long from now: never shorter than before. */
    public void extend(String id, Duration timeout) {
        locked(id, () -> extended(get(id), timeout));
    }

    /**
     * Resumes a paused one and makes sure that it lives at least so long.
     *
     * @param timeout empty: a running one keeps its end, a paused one gets what it was last given
     */
    public Connection connect(String id, Optional<Duration> timeout) {
        return locked(id, () -> {
            Sandbox sandbox = get(id);
            if (sandbox.paused()) {
                return new Connection(resumed(sandbox, timeout.orElse(sandbox.timeout())), true);
            }
            return new Connection(timeout.isPresent() ? extended(sandbox, timeout.get()) : sandbox, false);
        });
    }

    /** @param resumed whether it was paused before */
    public record Connection(Sandbox sandbox, boolean resumed) {}

    /**
     * Freezes it. Its clock stops: it stays until it is resumed or killed. 409 when it is paused already.
     *
     * @param keepMemory false: its processes are ended first, its files stay
     */
    public void pause(String id, boolean keepMemory) {
        locked(id, () -> {
            Sandbox sandbox = get(id);
            if (sandbox.paused()) {
                throw new E2bError(409, "Sandbox '" + id + "' is already paused");
            }
            tag(sandbox, Map.of(Sandbox.MEMORY, Boolean.toString(keepMemory)));
            if (!keepMemory) {
                ColdStart.endProcesses(manager, sandbox.id());
            }
            manager.pause(sandbox.id());
            return manager.setDeadline(sandbox.id(), Optional.empty());
        });
    }

    /** Wakes one up that a request came for, when it was made so; otherwise it stays paused. */
    public Optional<Sandbox> wake(String id) {
        return locked(id, () -> find(id).map(s -> s.paused() && s.autoResumes() ? resumed(s, s.timeout()) : s));
    }

    /** New network settings in place of the old ones. Public traffic, masked host and TLS ports stay as they were. */
    public void setNetwork(String id, JsonNode update) {
        NewSandbox.refuseUnbuilt(update);
        NetworkRules wish = NetworkRules.read(update);
        locked(id, () -> {
            Sandbox sandbox = get(id);
            var merged = Sandbox.JSON.createObjectNode();
            for (String kept : List.of("allowPublicTraffic", "maskRequestHost", "httpsPorts")) {
                JsonNode value = sandbox.network().json().get(kept);
                if (value != null) {
                    merged.set(kept, value);
                }
            }
            for (String changed : List.of("allowOut", "denyOut")) {
                JsonNode value = update.get(changed);
                if (value != null && !value.isNull()) {
                    merged.set(changed, value);
                }
            }
            boolean internet = update.path("allow_internet_access").asBoolean(sandbox.internet());
            Network rules = egress(wish, internet);
            VmStatus _ = tag(
                    sandbox, Map.of(Sandbox.NETWORK, merged.toString(), Sandbox.INTERNET, Boolean.toString(internet)));
            return manager.setNetwork(sandbox.id(), rules);
        });
    }

    private Network egress(NetworkRules wish, boolean internet) {
        return SandboxEgress.of(settings.egress(), wish, internet);
    }

    private Sandbox extended(Sandbox sandbox, Duration timeout) {
        boolean later = settings.clock().instant().plus(timeout).isAfter(sandbox.endAt());
        return later ? live(sandbox, timeout) : sandbox;
    }

    private Sandbox resumed(Sandbox sandbox, Duration timeout) {
        manager.resume(sandbox.id());
        if (!sandbox.keptMemory()) {
            // Also when they were ended before the pause: one that ended by its time was paused by the manager, which
            // knows nothing of this.
            ColdStart.endProcesses(manager, sandbox.id());
        }
        Map<String, String> tags = new HashMap<>(sandbox.vm().tags());
        tags.remove(Sandbox.MEMORY);
        return live(
                sandbox(manager.setTags(sandbox.id(), tags)).orElseThrow(() -> E2bError.noSandbox(sandbox.id())),
                timeout);
    }

    private Sandbox live(Sandbox sandbox, Duration timeout) {
        Instant end = settings.clock().instant().plus(timeout);
        tag(
                sandbox,
                Map.of(Sandbox.TIMEOUT_SECONDS, Long.toString(timeout.toSeconds()), Sandbox.END_AT, end.toString()));
        return sandbox(manager.setDeadline(
                        sandbox.id(), Optional.of(new Deadline(end, action(sandbox.pausesOnTimeout())))))
                .orElseThrow(() -> E2bError.noSandbox(sandbox.id()));
    }

    private VmStatus tag(Sandbox sandbox, Map<String, String> changes) {
        Map<String, String> tags = new HashMap<>(sandbox.vm().tags());
        tags.putAll(changes);
        return manager.setTags(sandbox.id(), tags);
    }

    private Optional<Sandbox> sandbox(VmStatus vm) {
        Map<String, String> tags = vm.tags();
        String templateId = tags.get(Sandbox.TEMPLATE);
        if (templateId == null || vm.state().ended() || vm.state() == VmState.STOPPING || expired(vm)) {
            return Optional.empty();
        }
        Template template = templates.getOrDefault(
                templateId,
                new Template(
                        templateId,
                        vm.descriptor().spec().image(),
                        vm.descriptor().spec().resources(),
                        false));
        Map<String, String> metadata = new LinkedHashMap<>();
        Sandbox.JSON
                .readTree(tags.getOrDefault(Sandbox.METADATA, "{}"))
                .properties()
                .forEach(e -> metadata.put(e.getKey(), e.getValue().asString()));
        return Optional.of(new Sandbox(
                vm,
                template,
                metadata,
                new Sandbox.Network(Sandbox.JSON.readTree(tags.getOrDefault(Sandbox.NETWORK, "{}"))),
                !"false".equals(tags.get(Sandbox.INTERNET))));
    }

    /** The manager removes it in this very moment; nobody shall see it live past its end. */
    private boolean expired(VmStatus vm) {
        return vm.deadline()
                .filter(d -> d.action() == Deadline.Action.REMOVE)
                .filter(d -> !settings.clock().instant().isBefore(d.at()))
                .isPresent();
    }

    private static Deadline.Action action(boolean pause) {
        return pause ? Deadline.Action.PAUSE : Deadline.Action.REMOVE;
    }

    public static String shortId(String id) {
        int dash = id.indexOf('-');
        return dash < 0 ? id : id.substring(0, dash);
    }

    private static String freshId() {
        StringBuilder id = new StringBuilder(ID_LENGTH).append('i');
        while (id.length() < ID_LENGTH) {
            id.append(ID_LETTERS.charAt(RANDOM.nextInt(ID_LETTERS.length())));
        }
        return id.toString();
    }

    private <T> T locked(String id, java.util.function.Supplier<T> action) {
        ReentrantLock lock = locks[Math.floorMod(shortId(id).hashCode(), locks.length)];
        lock.lock();
        try {
            return action.get();
        } finally {
            lock.unlock();
        }
    }
}
