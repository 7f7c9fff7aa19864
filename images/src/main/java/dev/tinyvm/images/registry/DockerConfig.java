package dev.tinyvm.images.registry;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Credentials as {@code docker login}, {@code podman login} and {@code skopeo login} store them: {@code config.json} with its {@code auths},
 * {@code credHelpers} and {@code credsStore}. Of several files the first that knows the registry counts: {@code $REGISTRY_AUTH_FILE},
 * {@code $DOCKER_CONFIG/config.json} (else {@code ~/.docker/config.json}), {@code $XDG_RUNTIME_DIR/containers/auth.json}.
 */
public final class DockerConfig implements Credentials.Source {
    private static final JsonMapper JSON = new JsonMapper();
    private static final long MAX_FILE_BYTES = 4L << 20;
    private static final int MAX_ANSWER_BYTES = 1 << 20;
    private static final long HELPER_SECONDS = 60;
    private static final Pattern HELPER = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    private final Map<String, String> environment;
    private final Path home;

    /**
     * @param environment of this process
     * @param home of whoever runs it
     */
    public DockerConfig(Map<String, String> environment, Path home) {
        this.environment = Map.copyOf(environment);
        this.home = home;
    }

    @Override
    public Credentials of(String registry) {
        for (Path file : files()) {
            Credentials found = read(file, registry);
            if (!found.isAnonymous()) {
                return found;
            }
        }
        return Credentials.ANONYMOUS;
    }

    private List<Path> files() {
        List<Path> files = new ArrayList<>();
        String authFile = environment.getOrDefault("REGISTRY_AUTH_FILE", "");
        if (!authFile.isEmpty()) {
            files.add(Path.of(authFile));
        }
        String docker = environment.getOrDefault("DOCKER_CONFIG", "");
        files.add((docker.isEmpty() ? home.resolve(".docker") : Path.of(docker)).resolve("config.json"));
        String runtime = environment.getOrDefault("XDG_RUNTIME_DIR", "");
        if (!runtime.isEmpty()) {
            files.add(Path.of(runtime).resolve("containers/auth.json"));
        }
        return files;
    }

    private Credentials read(Path file, String registry) {
        JsonNode root;
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw unreadable(file, "it has over " + MAX_FILE_BYTES + " bytes");
            }
            root = JSON.readTree(Files.readString(file));
        } catch (NoSuchFileException e) {
            return Credentials.ANONYMOUS;
        } catch (IOException e) {
            throw unreadable(file, e.getClass().getSimpleName());
        } catch (JacksonException e) {
            // Not its message, which may quote the file.
            throw unreadable(file, "it is no JSON");
        }
        for (String key : keys(registry)) {
            String helper = root.path("credHelpers").path(key).asString("");
            if (!helper.isEmpty()) {
                return ask(helper, key, file);
            }
        }
        for (String key : keys(registry)) {
            Credentials stored = stored(root.path("auths").path(key), file, registry);
            if (!stored.isAnonymous()) {
                return stored;
            }
        }
        String store = root.path("credsStore").asString("");
        if (!store.isEmpty()) {
            for (String key : keys(registry)) {
                Credentials found = ask(store, key, file);
                if (!found.isAnonymous()) {
                    return found;
                }
            }
        }
        return Credentials.ANONYMOUS;
    }

    /** A registry is called by its host, by an address, and Docker Hub by the address of its first API. */
    private static List<String> keys(String registry) {
        return registry.equals(Reference.DEFAULT_REGISTRY)
                ? List.of("https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io")
                : List.of(registry, "https://" + registry, "https://" + registry + "/", "http://" + registry);
    }

    private static Credentials stored(JsonNode auth, Path file, String registry) {
        String token = auth.path("identitytoken").asString("");
        if (!token.isEmpty()) {
            return new Credentials("", token, true);
        }
        String encoded = auth.path("auth").asString("");
        if (encoded.isEmpty()) {
            String password = auth.path("password").asString("");
            return password.isEmpty()
                    ? Credentials.ANONYMOUS
                    : new Credentials(auth.path("username").asString(""), password, false);
        }
        String decoded;
        try {
            decoded = new String(Base64.getDecoder().decode(encoded), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw unreadable(file, "the entry of " + registry + " is no base64");
        }
        int colon = decoded.indexOf(':');
        if (colon < 0) {
            throw unreadable(file, "the entry of " + registry + " is not user:password");
        }
        return new Credentials(
                decoded.substring(0, colon), decoded.substring(colon + 1).replaceAll("\0+$", ""), false);
    }

    /** Runs {@code docker-credential-NAME get}: the registry on its input, JSON on its output. */
    private Credentials ask(String helper, String key, Path file) {
        if (!HELPER.matcher(helper).matches()) {
            throw unreadable(file, "it names a credential helper that is no program's name");
        }
        String program = "docker-credential-" + helper;
        try {
            ProcessBuilder builder =
                    new ProcessBuilder(onPath(program), "get").redirectError(ProcessBuilder.Redirect.DISCARD);
            builder.environment().clear();
            builder.environment().putAll(environment);
            Process process = builder.start();
            try {
                return answer(process, program, key);
            } finally {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            throw new RegistryException(
                    RegistryException.Code.UNAUTHORIZED,
                    "the credentials of " + key + " could not be read: " + file + " names the program " + program
                            + ", which could not be run (is it installed, and on the PATH?)",
                    e);
        }
    }

    /** In the environment that was given, which need not be this process' own. */
    private String onPath(String program) {
        for (String directory :
                environment.getOrDefault("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")) {
            if (directory.startsWith("/") && Files.isExecutable(Path.of(directory, program))) {
                return Path.of(directory, program).toString();
            }
        }
        return program;
    }

    private static Credentials answer(Process process, String program, String key) throws IOException {
        // The helper may ask a person to unlock something, so there is a deadline; its end also ends the reading below.
        Thread deadline = Thread.ofVirtual().start(() -> {
            try {
                if (!process.waitFor(HELPER_SECONDS, TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        try {
            try (OutputStream in = process.getOutputStream()) {
                in.write((key + "\n").getBytes(StandardCharsets.UTF_8));
            } catch (IOException e) {
                // It ended without reading; its answer or exit code says more.
            }
            byte[] out = process.getInputStream().readNBytes(MAX_ANSWER_BYTES);
            if (process.waitFor() != 0) {
                String said = new String(out, StandardCharsets.UTF_8);
                if (said.contains("credentials not found")) {
                    return Credentials.ANONYMOUS;
                }
                throw helperFailed(program, key);
            }
            JsonNode root = JSON.readTree(out);
            String user = root.path("Username").asString("");
            return new Credentials(user, root.path("Secret").asString(""), user.equals("<token>"));
        } catch (JacksonException e) {
            throw helperFailed(program, key);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw helperFailed(program, key);
        } finally {
            deadline.interrupt();
        }
    }

    private static RegistryException helperFailed(String program, String key) {
        return new RegistryException(
                RegistryException.Code.UNAUTHORIZED,
                "the credentials of " + key + " could not be read: " + program + " failed; try it: echo " + key + " | "
                        + program + " get");
    }

    private static RegistryException unreadable(Path file, String why) {
        return new RegistryException(
                RegistryException.Code.UNAUTHORIZED, "the credentials in " + file + " could not be read: " + why);
    }
}
