package dev.tinyvm.images.registry;

import java.net.URI;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The name of an image in a registry: {@code [registry/]repository[:tag][@sha256:…]}. What is left out is filled in as Docker does:
 * {@code alpine} is {@code docker.io/library/alpine:latest}. The grammar is that of
 * {@code https://github.com/distribution/reference}.
 *
 * @param registry host and perhaps port
 * @param repository path in it
 * @param tag {@code latest} when neither a tag nor a digest is given; null when only a digest is
 * @param digest of a manifest or an index; null when none is given
 */
public record Reference(
        String registry,
        String repository,
        @Nullable String tag,
        @Nullable Digest digest) {
    /** The registry of names that name none. */
    public static final String DEFAULT_REGISTRY = "docker.io";

    private static final String OFFICIAL = "library/";
    private static final int MAX_LENGTH = 600;
    private static final int MAX_REPOSITORY = 255;
    private static final Pattern REGISTRY = Pattern.compile(
            "(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})?(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})?)*+|\\[[0-9a-fA-F:]{2,45}])(?::[0-9]{1,5})?");
    private static final Pattern PART = Pattern.compile("[a-z0-9]++(?:(?:\\.|__?|-++)[a-z0-9]++)*+");
    private static final Pattern TAG = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}");

    /** @throws RegistryException INVALID_REFERENCE with what is wrong */
    public static Reference parse(String text) {
        if (text.length() > MAX_LENGTH) {
            throw invalid(text, "it has over " + MAX_LENGTH + " characters");
        }
        String rest = text;
        Digest digest = null;
        int at = rest.indexOf('@');
        if (at >= 0) {
            String given = rest.substring(at + 1);
            digest = Digest.parse(given)
                    .orElseThrow(() ->
                            invalid(text, "what follows the `@` must be sha256: and 64 lower-case hexadecimal digits"));
            rest = rest.substring(0, at);
        }
        String tag = null;
        int colon = rest.lastIndexOf(':');
        if (colon > rest.lastIndexOf('/') && !(colon >= 0 && rest.startsWith("[") && rest.indexOf('/') < 0)) {
            tag = rest.substring(colon + 1);
            rest = rest.substring(0, colon);
            if (!TAG.matcher(tag).matches()) {
                throw invalid(text, "its tag must be 1 to 128 letters, digits, `_`, `.` and `-`, no `.` or `-` first");
            }
        }
        int slash = rest.indexOf('/');
        String first = slash < 0 ? "" : rest.substring(0, slash);
        boolean named = first.indexOf('.') >= 0 || first.indexOf(':') >= 0 || first.equals("localhost");
        String registry = named ? first.toLowerCase(Locale.ROOT) : DEFAULT_REGISTRY;
        String repository = named ? rest.substring(slash + 1) : rest;
        if (registry.equals("index.docker.io") || registry.equals("registry-1.docker.io")) {
            registry = DEFAULT_REGISTRY;
        }
        if (!REGISTRY.matcher(registry).matches()) {
            throw invalid(text, "`" + RegistryException.shown(registry) + "` is no host name with or without a port");
        }
        if (registry.equals(DEFAULT_REGISTRY) && repository.indexOf('/') < 0) {
            repository = OFFICIAL + repository;
        }
        if (repository.length() > MAX_REPOSITORY) {
            throw invalid(text, "its repository has over " + MAX_REPOSITORY + " characters");
        }
        for (String part : repository.split("/", -1)) {
            if (!PART.matcher(part).matches()) {
                throw invalid(
                        text,
                        "each part of its repository must be lower-case letters and digits, with single `.`, `_`, or `-` between them");
            }
        }
        return new Reference(registry, repository, tag == null && digest == null ? "latest" : tag, digest);
    }

    /** In full, with tag and digest as far as they are there. */
    public String canonical() {
        return registry + "/" + repository + (tag == null ? "" : ":" + tag) + (digest == null ? "" : "@" + digest);
    }

    /** As people write it: without what Docker fills in, but with the tag. */
    public String familiar() {
        String full = canonical();
        if (registry.equals(DEFAULT_REGISTRY)) {
            full = full.substring(DEFAULT_REGISTRY.length() + 1);
            if (full.startsWith(OFFICIAL) && repository.indexOf('/', OFFICIAL.length()) < 0) {
                full = full.substring(OFFICIAL.length());
            }
        }
        return full;
    }

    /** The same repository, by digest alone. */
    public Reference at(Digest content) {
        return new Reference(registry, repository, null, content);
    }

    /** What the manifest is asked for with: the digest, else the tag. */
    String target() {
        return digest != null ? digest.toString() : String.valueOf(tag);
    }

    /** Where its API is; plain HTTP for this machine alone. */
    URI api(String pathAndQuery) {
        String host = registry.equals(DEFAULT_REGISTRY) ? "registry-1.docker.io" : registry;
        return URI.create((isLoopback(host) ? "http://" : "https://") + host + "/v2/" + pathAndQuery);
    }

    /** Whether a host (with or without a port) is this machine. */
    static boolean isLoopback(String hostAndPort) {
        Matcher port = Pattern.compile(":[0-9]+$").matcher(hostAndPort);
        String host = hostAndPort.startsWith("[") && hostAndPort.endsWith("]") ? hostAndPort : port.replaceFirst("");
        return host.equals("localhost") || host.equals("[::1]") || host.matches("127(\\.[0-9]{1,3}){3}");
    }

    private static RegistryException invalid(String text, String why) {
        return new RegistryException(
                RegistryException.Code.INVALID_REFERENCE,
                "`" + RegistryException.shown(text) + "` is no image reference: " + why
                        + "; write [registry/]repository[:tag][@sha256:…], such as alpine:3.20");
    }

    @Override
    public String toString() {
        return familiar();
    }
}
