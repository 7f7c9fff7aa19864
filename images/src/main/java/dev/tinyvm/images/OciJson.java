package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads the three documents of an image: index, manifest, configuration
 * ({@code https://github.com/opencontainers/image-spec}, and Docker's own of schema version 2). All of them are somebody else's words.
 */
final class OciJson {
    static final String OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    static final String OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
    static final String OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
    /** Bytes of a configuration. */
    static final int MAX_CONFIG_BYTES = 8 << 20;
    /** As many as overlayfs could stack; images have a few dozen. */
    static final int MAX_LAYERS = 500;

    private static final int MAX_MANIFESTS = 1_000;
    private static final int MAX_ENV = 4_096;
    private static final JsonMapper JSON = new JsonMapper();

    private OciJson() {}

    /** A manifest: the configuration and the layers, lowest first. */
    record Manifest(Descriptor config, List<Descriptor> layers) {
        Manifest {
            layers = List.copyOf(layers);
        }
    }

    /** A configuration: how to run the image, and what its layers are uncompressed. */
    record Config(ImageConfig run, Platform platform, List<Digest> diffIds) {
        Config {
            diffIds = List.copyOf(diffIds);
        }
    }

    static JsonNode parse(byte[] bytes, String where) {
        try {
            JsonNode root = JSON.readTree(new String(bytes, StandardCharsets.UTF_8));
            if (root != null && (root.isObject() || root.isArray())) {
                return root;
            }
        } catch (JacksonException e) {
            throw new ImageException(
                    ImageException.Code.REFUSED, where + " is refused: it is no JSON: " + e.getOriginalMessage(), e);
        }
        throw refused(where, "it is no JSON object");
    }

    static boolean isIndex(String mediaType) {
        return mediaType.equals("application/vnd.oci.image.index.v1+json")
                || mediaType.equals("application/vnd.docker.distribution.manifest.list.v2+json");
    }

    /** Whether a document is an index; its own word counts more than its sender's. */
    static boolean isIndex(JsonNode root, String mediaType) {
        String own = root.path("mediaType").asString("");
        return isIndex(own.isEmpty() ? mediaType : own)
                || (root.path("manifests").isArray() && !root.has("config"));
    }

    static List<Descriptor> index(JsonNode root, String where) {
        JsonNode manifests = root.path("manifests");
        if (!manifests.isArray() || manifests.size() > MAX_MANIFESTS) {
            throw refused(where, "its list of manifests is missing, or has over " + MAX_MANIFESTS + " entries");
        }
        List<Descriptor> all = new ArrayList<>();
        manifests.forEach(node -> all.add(Descriptor.parse(node, where)));
        return all;
    }

    static Manifest manifest(JsonNode root, String where) {
        if (root.path("schemaVersion").asInt(0) != 2 || !root.path("layers").isArray()) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    where
                            + " cannot be read: its manifest is not of schema version 2; ask its maker to push it with a current tool");
        }
        Descriptor config = Descriptor.parse(root.path("config"), where);
        if (!config.mediaType().equals(OCI_CONFIG)
                && !config.mediaType().equals("application/vnd.docker.container.image.v1+json")) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    where + " is no image of a root file system, but " + EntryName.shown(config.mediaType()));
        }
        if (config.size() > MAX_CONFIG_BYTES) {
            throw refused(where, "its configuration has over " + MAX_CONFIG_BYTES + " bytes");
        }
        if (root.path("layers").size() > MAX_LAYERS) {
            throw refused(where, "it has over " + MAX_LAYERS + " layers");
        }
        List<Descriptor> layers = new ArrayList<>();
        root.path("layers").forEach(node -> layers.add(Descriptor.parse(node, where)));
        return new Manifest(config, layers);
    }

    static Config config(byte[] bytes, int layers, String where) {
        JsonNode root = parse(bytes, where);
        List<Digest> diffIds = new ArrayList<>();
        for (JsonNode id : root.path("rootfs").path("diff_ids")) {
            diffIds.add(Digest.parse(id.asString(""))
                    .orElseThrow(() -> refused(where, "its configuration has a layer digest that is no SHA-256")));
        }
        if (diffIds.size() != layers) {
            throw refused(
                    where,
                    "its manifest has " + layers + " layers, its configuration " + diffIds.size()
                            + "; they do not belong together");
        }
        JsonNode config = root.path("config");
        Map<String, String> env = new LinkedHashMap<>();
        for (JsonNode entry : config.path("Env")) {
            String text = entry.asString("");
            int equals = text.indexOf('=');
            // A name without a value means nothing outside of a build.
            if (equals > 0) {
                env.put(text.substring(0, equals), text.substring(equals + 1));
            }
            if (text.indexOf('\0') >= 0 || env.size() > MAX_ENV) {
                throw refused(where, "its environment has over " + MAX_ENV + " variables, or a NUL byte in one");
            }
        }
        String user = config.path("User").asString("");
        String directory = config.path("WorkingDir").asString("");
        if (!user.matches("[A-Za-z0-9_.@$:-]{0,128}") || directory.length() > 4_095 || directory.indexOf('\0') >= 0) {
            throw refused(where, "its configuration has an impossible user or working directory");
        }
        ImageConfig run = new ImageConfig(
                user.isEmpty() ? "root" : user,
                env,
                // Left empty it means the root here, where a root file system's own means the user's home.
                directory.startsWith("/") ? directory : "/" + directory,
                words(config.path("Cmd"), where),
                words(config.path("Entrypoint"), where));
        Platform platform = new Platform(
                root.path("os").asString("linux"),
                root.path("architecture").asString(""),
                root.path("variant").asString(""));
        return new Config(run, platform, diffIds);
    }

    private static List<String> words(JsonNode node, String where) {
        List<String> words = new ArrayList<>();
        for (JsonNode word : node) {
            String text = word.asString("");
            if (text.indexOf('\0') >= 0) {
                throw refused(where, "its command has a NUL byte");
            }
            words.add(text);
        }
        return words;
    }

    /** The manifest that this machine can use. */
    static Descriptor choose(List<Descriptor> all, Platform platform, String where) {
        List<Descriptor> fitting = all.stream()
                .filter(d -> d.platform() != null && platform.runs(d.platform()))
                .toList();
        if (!fitting.isEmpty()) {
            return fitting.stream()
                    .filter(d -> d.platform() != null
                            && platform.variant().equals(d.platform().variant()))
                    .findFirst()
                    .orElse(fitting.getFirst());
        }
        if (all.size() == 1 && all.getFirst().platform() == null) {
            return all.getFirst();
        }
        throw new ImageException(
                ImageException.Code.UNSUPPORTED,
                where + " is not there for this machine (" + platform + "), only for "
                        + String.join(
                                ", ",
                                all.stream()
                                        .map(d -> d.platform() == null
                                                ? "?"
                                                : EntryName.shown(d.platform().toString()))
                                        .limit(20)
                                        .toList()));
    }

    static ImageException refused(String where, String why) {
        return new ImageException(ImageException.Code.REFUSED, where + " is refused: " + why);
    }
}
