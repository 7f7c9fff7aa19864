package dev.tinyvm.spec;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Checks and normalizes the paths of a document. Each method returns empty, with a problem added, when a path is refused. */
final class Paths {
    /** What the wall itself mounts. */
    private static final List<String> RESERVED = List.of("/proc", "/sys", "/dev");

    private Paths() {}

    /** An absolute path without {@code ..}; repeated and trailing slashes and {@code .} are taken away. */
    static Optional<String> absolute(Section section, String key, String path) {
        if (!path.startsWith("/")) {
            section.problem(key, "is " + Problems.quote(path) + "; expected an absolute path, which starts with `/`");
            return Optional.empty();
        }
        return wrong(path)
                .map(problem -> {
                    section.problem(key, "is " + Problems.quote(path) + "; " + problem);
                    return Optional.<String>empty();
                })
                .orElseGet(() -> Optional.of(normalize(path)));
    }

    /** As {@link #absolute}, refusing what a mount would break. */
    static Optional<String> mountPath(Section section, String key, String path) {
        return absolute(section, key, path).filter(normal -> {
            if (normal.equals("/") || isReserved(normal)) {
                section.problem(
                        key,
                        "is " + Problems.quote(path)
                                + "; nothing can be mounted over /, /proc, /sys or /dev, choose another directory such as `/data`");
                return false;
            }
            return true;
        });
    }

    /** A path of the host; a relative one is resolved against the document's directory. */
    static Optional<String> hostPath(
            String path, @Nullable Path directory, java.util.function.Consumer<String> problem) {
        Optional<String> wrong = path.isEmpty() ? Optional.of("expected a directory of the host") : wrong(path);
        if (wrong.isEmpty() && !path.startsWith("/") && path.startsWith("~")) {
            wrong = Optional.of("`~` is not expanded here; write the path out");
        }
        if (wrong.isEmpty() && !path.startsWith("/") && directory == null) {
            wrong = Optional.of("a relative path needs a file that it is relative to; write an absolute one");
        }
        if (wrong.isPresent()) {
            problem.accept("is " + Problems.quote(path) + "; " + wrong.get());
            return Optional.empty();
        }
        String absolute = path.startsWith("/") || directory == null
                ? path
                : directory.toAbsolutePath().normalize() + "/" + path;
        return Optional.of(normalize(absolute));
    }

    /** Whether this is the root or something that the kernel makes. */
    static boolean isReserved(String normalPath) {
        return RESERVED.stream()
                .anyMatch(reserved -> normalPath.equals(reserved) || normalPath.startsWith(reserved + "/"));
    }

    /** What is wrong with a path, if anything. */
    static Optional<String> wrong(String path) {
        if (path.indexOf('\0') >= 0) {
            return Optional.of("a path cannot hold a NUL byte");
        }
        if (Limits.bytes(path) > Limits.MAX_PATH_BYTES) {
            return Optional.of("a path has at most " + Limits.MAX_PATH_BYTES + " bytes");
        }
        for (String part : path.split("/", -1)) {
            if (part.equals("..")) {
                return Optional.of("`..` is not allowed; write the path that is meant");
            }
            if (Limits.bytes(part) > 255) {
                return Optional.of("a name in a path has at most 255 bytes");
            }
        }
        return Optional.empty();
    }

    private static String normalize(String path) {
        StringBuilder normal = new StringBuilder();
        for (String part : path.split("/", -1)) {
            if (!part.isEmpty() && !part.equals(".")) {
                normal.append('/').append(part);
            }
        }
        return normal.isEmpty() ? "/" : normal.toString();
    }
}
