package dev.tinyvm.manager;

import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.Engine.Availability;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.manager.ImageCatalog.ImageInfo;
import dev.tinyvm.manager.ImageCatalog.OnLinux;
import dev.tinyvm.manager.Manager.EngineStatus;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.EngineChoice;
import dev.tinyvm.spec.Trust;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** The walls of this host, and the choice among them. What an engine answered is kept once it is available. */
final class Engines {
    /** {@code auto} takes the first that is available: the lightest wall that runs any Linux program. An image may name its only wall. */
    private static final List<EngineKind> LIGHTEST =
            List.of(EngineKind.CONTAINER, EngineKind.GVISOR, EngineKind.MICROVM);
    /** For untrusted code: walls with a kernel of their own, the lightest first. Never a weaker one in their place. */
    private static final List<EngineKind> OWN_KERNEL = List.of(EngineKind.GVISOR, EngineKind.MICROVM);

    private final Map<EngineKind, Engine> engines;
    private final Map<EngineKind, Availability.Available> available = new ConcurrentHashMap<>();

    Engines(Map<EngineKind, Engine> engines) {
        this.engines = engines.isEmpty() ? Map.of() : new EnumMap<>(engines);
    }

    Collection<Engine> all() {
        return engines.values();
    }

    /** The engine of a stored Tiny VM; empty when this manager has none of that kind. */
    Optional<Engine> find(String word) {
        return engines.values().stream()
                .filter(e -> e.kind().word().equals(word))
                .findFirst();
    }

    /** @throws ManagerException {@code UNAVAILABLE} with what is missing and how to get it; {@code INVALID} when image and wall do not fit */
    Choice choose(EngineChoice wanted, Trust trust, ImageInfo image) {
        if (wanted != EngineChoice.AUTO) {
            EngineKind kind = EngineKind.valueOf(wanted.name());
            requireFits(kind, image);
            return only(kind, "the descriptor asks for it");
        }
        EngineKind own = image.engine().orElse(null);
        if (own == null) {
            return trust == Trust.UNTRUSTED
                    ? ownKernel()
                    : first(LIGHTEST, "auto: the lightest wall that this host offers");
        }
        boolean alsoOnLinux =
                image.onLinux().filter(linux -> linux.missing().isEmpty()).isPresent();
        if (trust == Trust.UNTRUSTED) {
            return untrustedProgram(image, alsoOnLinux);
        }
        if (alsoOnLinux && image.onLinux().get().preferred() && anyOf(LIGHTEST)) {
            return first(LIGHTEST, "auto: this image computes faster there than behind its own wall, " + own.word());
        }
        return only(
                own,
                image.onLinux().isEmpty()
                        ? "auto: the only wall for this image"
                        : "auto: the lightest wall for this image");
    }

    /**
     * A program's own wall, WebAssembly, has no kernel behind it: module and manager share one JVM. That is no wall for anybody's code, so that a script runs
     * on Linux behind a stronger one, and what has no other wall is refused unless its owner names that wall.
     */
    private Choice untrustedProgram(ImageInfo image, boolean alsoOnLinux) {
        if (alsoOnLinux) {
            return ownKernel();
        }
        String why = image.onLinux()
                .map(linux -> ", and for the others " + linux.missing())
                .orElse(", and it runs behind no other");
        throw new ManagerException(
                Code.UNAVAILABLE,
                "the code is untrusted, and the wall of " + image.reference()
                        + ", wasm, shares the manager's process" + why
                        + "; choose it yourself with `engine: wasm`, or use an image for `engine: gvisor`");
    }

    private Choice ownKernel() {
        return first(OWN_KERNEL, "auto: the code is untrusted, and this wall has a kernel of its own");
    }

    private boolean anyOf(List<EngineKind> kinds) {
        return kinds.stream()
                .map(engines::get)
                .anyMatch(e -> e != null && availability(e) instanceof Availability.Available);
    }

    /** @throws ManagerException {@code INVALID} when the image never runs behind that wall, {@code UNAVAILABLE} when this host lacks something for it */
    private static void requireFits(EngineKind kind, ImageInfo image) {
        if (image.engine().isEmpty() || image.engine().get() == kind) {
            return;
        }
        OnLinux other = image.onLinux().orElse(null);
        if (other == null || kind == EngineKind.WASM) {
            throw new ManagerException(
                    Code.INVALID,
                    "the image " + image.reference() + " does not run under the engine " + kind.word()
                            + "; use `engine: auto` or `engine: "
                            + image.engine().get().word() + "`");
        }
        if (!other.missing().isEmpty()) {
            throw new ManagerException(
                    Code.UNAVAILABLE,
                    "the image " + image.reference() + " cannot run under the engine " + kind.word() + " here: "
                            + other.missing() + ", or use `engine: "
                            + image.engine().get().word() + "`");
        }
    }

    private Choice only(EngineKind kind, String reason) {
        Engine engine = engines.get(kind);
        if (engine == null) {
            throw new ManagerException(
                    Code.UNAVAILABLE,
                    "this manager has no engine " + kind.word() + "; use `engine: auto` or one of "
                            + engines.keySet().stream().map(EngineKind::word).toList());
        }
        return switch (availability(engine)) {
            case Availability.Available _ -> new Choice(engine, reason);
            case Availability.Missing missing ->
                throw new ManagerException(
                        Code.UNAVAILABLE,
                        "the engine " + kind.word() + " does not run here: " + missing.reason() + "; "
                                + missing.remedy());
        };
    }

    private Choice first(List<EngineKind> preference, String reason) {
        List<String> missing = new ArrayList<>();
        for (EngineKind kind : preference) {
            Engine engine = engines.get(kind);
            if (engine == null) {
                continue;
            }
            switch (availability(engine)) {
                case Availability.Available _ -> {
                    return new Choice(engine, reason);
                }
                case Availability.Missing m -> missing.add(kind.word() + ": " + m.reason() + "; " + m.remedy());
            }
        }
        if (preference.equals(OWN_KERNEL)) {
            throw new ManagerException(
                    Code.UNAVAILABLE,
                    "the code is untrusted and this host has no wall with a kernel of its own: "
                            + (missing.isEmpty() ? "this manager knows none" : String.join(" / ", missing))
                            + "; or choose a wall yourself, such as `engine: container`");
        }
        throw new ManagerException(Code.UNAVAILABLE, "no engine runs on this host: " + String.join(" / ", missing));
    }

    /** A wall that is known already, such as that of a checkpoint. @throws ManagerException {@code UNAVAILABLE} when this host lacks something for it */
    Choice known(String word, String reason) {
        return only(EngineKind.valueOf(word.toUpperCase(java.util.Locale.ROOT)), reason);
    }

    /** Asked anew. */
    List<EngineStatus> status() {
        return engines.values().stream()
                .map(engine -> switch (engine.availability()) {
                    case Availability.Available a ->
                        new EngineStatus(engine.kind().word(), true, a.detail());
                    case Availability.Missing m ->
                        new EngineStatus(engine.kind().word(), false, m.reason() + "; " + m.remedy());
                })
                .toList();
    }

    /** Looks again at the next choice, after an engine said that it does not run. */
    void forgetAvailability() {
        available.clear();
    }

    private Availability availability(Engine engine) {
        Availability.Available known = available.get(engine.kind());
        if (known != null) {
            return known;
        }
        Availability now = engine.availability();
        if (now instanceof Availability.Available yes) {
            available.put(engine.kind(), yes);
        }
        return now;
    }

    /** An engine's failure as the manager says it. @param attempt such as {@code could not start researcher-0} */
    static ManagerException translate(String attempt, EngineException e) {
        Code code = switch (e.code()) {
            case NOT_FOUND -> Code.NOT_FOUND;
            case GONE, PROTOCOL -> Code.GONE;
            case IMAGE -> Code.IMAGE;
            case MOUNT -> Code.MOUNT;
            case LIMIT -> Code.NO_CAPACITY;
            case UNAVAILABLE -> Code.UNAVAILABLE;
            case INVALID -> Code.INVALID;
            case TIMEOUT -> Code.TIMEOUT;
            case FAILED -> Code.FAILED;
        };
        return new ManagerException(code, attempt.isEmpty() ? message(e) : attempt + ": " + message(e), e);
    }

    static String message(EngineException e) {
        String message = e.getMessage();
        return message == null ? e.code().name() : message;
    }

    record Choice(Engine engine, String reason) {}
}
