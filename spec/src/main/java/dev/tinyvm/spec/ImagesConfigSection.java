package dev.tinyvm.spec;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads {@code images} of the manager's configuration. */
final class ImagesConfigSection {
    static final Keys KEYS = Keys.of("policy");

    private static final Keys POLICY = Keys.of("match", "cosign");
    private static final Keys COSIGN = Keys.of("publicKey");
    private static final int MAX_POLICIES = 256;

    /** Alone, or a registry and what is in it; a pattern that no name fits would protect nothing. */
    private static final Pattern MATCH =
            Pattern.compile("(?=.{1,512}$)(\\*|([a-z0-9.*-]*[.*][a-z0-9.*-]*|localhost|[a-z0-9.*-]+(?=:)"
                    + "|\\[[0-9a-f:]{2,45}])(:([0-9]{1,5}|\\*))?(/[a-z0-9._*-]+)+)");

    private ImagesConfigSection() {}

    static ImagesConfig read(Section section, @Nullable Path directory) {
        List<ImagesConfig.Policy> policies = new ArrayList<>();
        Set<String> matches = new HashSet<>();
        for (Section each : section.sections("policy", POLICY, MAX_POLICIES)) {
            String match = each.required("match", "expected a repository such as `registry.example.org/team/*`");
            if (!match.isEmpty()) {
                wrongMatch(match).ifPresent(wrong -> each.problem("match", wrong));
                if (!matches.add(match)) {
                    each.problem("match", "stands in an earlier entry too, which is the one that counts; keep one");
                }
            }
            if (!each.has("cosign")) {
                each.problem("cosign", "is missing; write `cosign: {publicKey: cosign.pub}`");
            }
            String key = each.section("cosign", COSIGN)
                    .flatMap(cosign -> publicKey(cosign, directory))
                    .orElse("");
            policies.add(new ImagesConfig.Policy(match, key));
        }
        return new ImagesConfig(policies);
    }

    private static Optional<String> publicKey(Section cosign, @Nullable Path directory) {
        String path =
                cosign.required("publicKey", "expected the file that `cosign generate-key-pair` calls cosign.pub");
        return path.isEmpty()
                ? Optional.empty()
                : Paths.hostPath(path, directory, message -> cosign.problem("publicKey", message));
    }

    private static Optional<String> wrongMatch(String match) {
        if (!MATCH.matcher(match).matches()) {
            return Optional.of(
                    "is " + Problems.quote(match)
                            + "; expected registry and repository in full and lower case, without a tag, such as `registry.example.org/team/*` or `docker.io/library/alpine`, or `*` for all");
        }
        // Names are compared as they are completed: these would never fit.
        if (match.startsWith("index.docker.io/") || match.startsWith("registry-1.docker.io/")) {
            return Optional.of("is " + Problems.quote(match) + "; Docker Hub is called `docker.io` here");
        }
        if (match.matches("docker\\.io/[^/*]+")) {
            return Optional.of("is " + Problems.quote(match) + ", which is in full `docker.io/library/"
                    + match.substring("docker.io/".length()) + "`; write that");
        }
        return Optional.empty();
    }
}
