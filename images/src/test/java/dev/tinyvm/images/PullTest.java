package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.tinyvm.images.registry.Credentials;
import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.RegistryOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Pulls from a registry that misbehaves. */
class PullTest extends ArchiveFixture {
    private final OciBuilder image = new OciBuilder();
    private ScriptedRegistry registry = unset();
    private byte[] big = new byte[0];
    private String reference = "";

    @BeforeEach
    void serve() throws IOException {
        registry = new ScriptedRegistry();
        byte[] noise = new byte[300_000];
        new Random(7).nextBytes(noise);
        big = builder().directory("bin/").bytes("bin/noise", noise).end();
        image.layer(big, big, OciJson.OCI_LAYER)
                .layer(builder().file("bin/tool", "tool").end())
                .config(
                        "{\"Env\":[\"PATH=/bin\",\"A=b=c\",\"EMPTY=\"],\"Entrypoint\":[\"/bin/tool\"],\"Cmd\":[\"--all\"],\"User\":\"1000:1000\",\"WorkingDir\":\"/srv\"}");
        registry.serve("team/app", "1", image, image.index());
        reference = registry.host() + "/team/app:1";
    }

    @AfterEach
    void stop() {
        registry.close();
    }

    @Test
    void anImageIsPulledForThisMachineWithItsConfiguration() throws IOException {
        PullResult result = pull();
        Image pulled = result.image();
        assertThat(pulled.digest()).isEqualTo(image.manifest().toString());
        assertThat(pulled.name()).isEqualTo("sha256-" + image.manifest().hex());
        assertThat(pulled.defaultUser()).isEqualTo("1000:1000");
        assertThat(pulled.env())
                .containsExactly(Map.entry("PATH", "/bin"), Map.entry("A", "b=c"), Map.entry("EMPTY", ""));
        assertThat(pulled.workingDir()).isEqualTo("/srv");
        assertThat(pulled.defaultCommand()).containsExactly("/bin/tool", "--all");
        assertThat(result.digest()).isEqualTo(image.index().toString());
        assertThat(result.upToDate()).isFalse();
        assertThat(files(pulled).resolve("bin/tool")).hasContent("tool");
    }

    @Test
    void itIsFoundByTagByEitherDigestAndByName() {
        Image pulled = pull().image();
        for (String name : List.of(
                reference,
                registry.host() + "/team/app@" + image.index(),
                registry.host() + "/team/app@" + image.manifest(),
                registry.host() + "/team/app:other@" + image.manifest(),
                image.index().toString(),
                pulled.name())) {
            assertThat(store.find(name)).as(name).contains(pulled);
        }
        assertThat(store.find(registry.host() + "/team/app:2")).isEmpty();
        assertThat(store.find(registry.host() + "/team/app@sha256:" + "1".repeat(64)))
                .isEmpty();
    }

    @Test
    void aSecondPullAsksForTheTagsDigestAndTransfersNothing() {
        pull();
        registry.requests.clear();
        PullResult again = pull();
        assertThat(again.upToDate()).isTrue();
        assertThat(again.transferredBytes()).isZero();
        assertThat(registry.requests).containsExactly("HEAD /v2/team/app/manifests/1");
    }

    @Test
    void whatIsPinnedByDigestIsNotAskedForAgain() {
        String pinned = registry.host() + "/team/app@" + image.index();
        store.pull(pinned, ScriptedRegistry.options(), ImportLimits.DEFAULT, PullProgress.NONE);
        registry.requests.clear();
        assertThat(store.pull(pinned, ScriptedRegistry.options(), ImportLimits.DEFAULT, PullProgress.NONE)
                        .upToDate())
                .isTrue();
        assertThat(registry.requests).isEmpty();
    }

    @Test
    void aTagThatMovesBringsOnlyTheLayersThatAreNew() throws IOException {
        String first = pull().image().name();
        image.layer(builder().file("bin/more", "more").end());
        registry.serve("team/app", "1", image, image.index());
        registry.requests.clear();
        PullResult moved = pull();
        assertThat(registry.count("GET /v2/team/app/blobs/")).isEqualTo(2);
        assertThat(moved.image().name()).isNotEqualTo(first);
        assertThat(store.find(reference)).contains(moved.image());
        assertThat(store.find(first)).isPresent();
    }

    @Test
    void aBrokenTransferGoesOnWhereItEnded() {
        String path = "/v2/team/app/blobs/" + Digest.of(big);
        registry.then(path, cut(100_000), cut(50_000));
        PullResult result = pull();
        assertThat(registry.requests)
                .contains("GET " + path, "GET " + path + " bytes=100000-", "GET " + path + " bytes=150000-");
        assertThat(result.transferredBytes()).isLessThan(big.length + 10_000);
    }

    @Test
    void aFailedPullIsContinuedByTheNext() throws IOException {
        String path = "/v2/team/app/blobs/" + Digest.of(big);
        registry.then(path, cut(100_000));
        for (int i = 0; i < 40; i++) {
            registry.then(path, ScriptedRegistry.status(500));
        }
        assertThat(failure().code()).isEqualTo(ImageException.Code.UNREACHABLE);
        assertThat(Files.size(partial())).isEqualTo(100_000);
        registry.heal();
        registry.requests.clear();
        pull();
        assertThat(registry.requests).contains("GET " + path + " bytes=100000-");
    }

    @Test
    void aDamagedBeginningIsTransferredAgain() throws IOException {
        Files.createDirectories(store.directory().resolve(".blobs/partial"));
        Files.write(partial(), new byte[1_000]);
        pull();
        assertThat(registry.count("GET /v2/team/app/blobs/" + Digest.of(big))).isEqualTo(2);
    }

    @Test
    void aRegistryThatIgnoresRangesStillServes() {
        String path = "/v2/team/app/blobs/" + Digest.of(big);
        registry.then(path, cut(100_000), exchange -> {
            exchange.sendResponseHeaders(200, big.length);
            exchange.getResponseBody().write(big);
            exchange.close();
            return true;
        });
        assertThat(pull().image().digest()).isEqualTo(image.manifest().toString());
    }

    @Test
    void aRangeThatCannotBeAnsweredStartsAgain() {
        String path = "/v2/team/app/blobs/" + Digest.of(big);
        registry.then(path, cut(100_000), ScriptedRegistry.status(416));
        assertThat(pull().upToDate()).isFalse();
    }

    @Test
    void busyRegistriesAreAskedAgain() {
        registry.then(
                "/v2/team/app/manifests/1",
                ScriptedRegistry.status(429, "Retry-After", "0"),
                ScriptedRegistry.status(503),
                ScriptedRegistry.status(500));
        registry.then("/v2/team/app/blobs/" + Digest.of(big), ScriptedRegistry.status(502));
        assertThat(pull().upToDate()).isFalse();
        assertThat(registry.count("GET /v2/team/app/manifests/1")).isEqualTo(4);
    }

    @Test
    void aRegistryThatStaysBusyIsGivenUpAndNamed() {
        for (int i = 0; i < 4; i++) {
            registry.then("*", ScriptedRegistry.status(503));
        }
        ImageException e = failure();
        assertThat(e.code()).isEqualTo(ImageException.Code.UNREACHABLE);
        assertThat(e).hasMessageContaining("answers 503").hasMessageContaining(registry.host());
    }

    @Test
    void aWrongBlobIsRefusedAndNothingOfItKept() throws IOException {
        byte[] wrong = big.clone();
        wrong[700] ^= 1;
        registry.replace("/v2/team/app/blobs/" + Digest.of(big), wrong);
        assertThat(failure().code()).isEqualTo(ImageException.Code.DIGEST_MISMATCH);
        assertThat(partial()).doesNotExist();
        assertThat(store.directory().resolve(".blobs/sha256/" + Digest.of(big).hex()))
                .doesNotExist();
        assertThat(store.list()).hasSize(1);
        assertThat(store.tags()).isEmpty();
    }

    @Test
    void aBlobThatIsLongerThanItsManifestSaysIsRefused() {
        byte[] longer = java.util.Arrays.copyOf(big, big.length + 1);
        registry.replace("/v2/team/app/blobs/" + Digest.of(big), longer);
        assertThat(failure()).hasMessageContaining("more than the " + big.length + " bytes");
    }

    @Test
    void aWrongManifestIsRefused() {
        registry.replace("/v2/team/app/manifests/" + image.manifest(), "{}".getBytes(StandardCharsets.UTF_8));
        assertThat(failure().code()).isEqualTo(ImageException.Code.DIGEST_MISMATCH);
    }

    @Test
    void aMissingImageIsSaidWithTheRegistrysWords() {
        assertThatThrownBy(() -> store.pull(
                        registry.host() + "/team/none:1",
                        ScriptedRegistry.options(),
                        ImportLimits.DEFAULT,
                        PullProgress.NONE))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("does not have it (manifest unknown)");
    }

    @Test
    void aTokenIsFetchedOnceWithTheStoredCredentials() {
        requireToken("Basic dTpw");
        store.pull(
                reference,
                ScriptedRegistry.options(host -> new Credentials("u", "p", false), Map.of()),
                ImportLimits.DEFAULT,
                PullProgress.NONE);
        assertThat(registry.requests)
                .filteredOn(r -> r.startsWith("GET /token"))
                .containsExactly("GET /token?service=scripted&scope=repository%3Ateam%2Fapp%3Apull&account=u");
    }

    @Test
    void anIdentityTokenBuysAToken() {
        requireToken("");
        store.pull(
                reference,
                ScriptedRegistry.options(host -> new Credentials("", "refresh", true), Map.of()),
                ImportLimits.DEFAULT,
                PullProgress.NONE);
        assertThat(registry.count("POST /token")).isEqualTo(1);
    }

    @Test
    void basicAuthenticationIsAnswered() {
        registry.then("*", ScriptedRegistry.status(401, "WWW-Authenticate", "Basic realm=\"r\""));
        store.pull(
                reference,
                ScriptedRegistry.options(host -> new Credentials("u", "p", false), Map.of()),
                ImportLimits.DEFAULT,
                PullProgress.NONE);
        assertThat(registry.authorizations.getFirst()).isEmpty();
        assertThat(registry.authorizations.subList(1, registry.authorizations.size()))
                .containsOnly("Basic dTpw");
    }

    @Test
    void withoutCredentialsTheRefusalNamesTheRemedy() {
        registry.then("*", ScriptedRegistry.status(401, "WWW-Authenticate", "Basic realm=\"r\""));
        ImageException e = failure();
        assertThat(e.code()).isEqualTo(ImageException.Code.UNAUTHORIZED);
        assertThat(e).hasMessageContaining("docker login " + registry.host());
    }

    @Test
    void credentialsDoNotFollowToAnotherHost() throws IOException {
        try (ScriptedRegistry storage = new ScriptedRegistry()) {
            storage.serve("team/app", "1", image, image.index());
            requireToken("Basic dTpw");
            String path = "/v2/team/app/blobs/" + Digest.of(big);
            registry.then(path, ScriptedRegistry.status(307, "Location", storage.url() + path));
            store.pull(
                    reference,
                    ScriptedRegistry.options(host -> new Credentials("u", "p", false), Map.of()),
                    ImportLimits.DEFAULT,
                    PullProgress.NONE);
            assertThat(storage.requests).containsExactly("GET " + path);
            assertThat(storage.authorizations).containsExactly("");
        }
    }

    @Test
    void endlessRedirectsEnd() {
        for (int i = 0; i < 10; i++) {
            registry.then("*", ScriptedRegistry.status(302, "Location", "/v2/team/app/manifests/1"));
        }
        assertThat(failure()).hasMessageContaining("redirects");
    }

    @Test
    void anImageForAnotherMachineIsRefusedWithWhatThereIs() {
        OciBuilder other = new OciBuilder().layer(big, big, OciJson.OCI_LAYER).builtFor("s390x");
        registry.serve("team/app", "1", other, other.manifest());
        assertThat(failure()).hasMessageContaining("was built for `linux/s390x`");
    }

    @Test
    void tooMuchIsRefusedBeforeItIsTransferred() {
        ImageException e = catchThrowableOfType(
                ImageException.class,
                () -> store.pull(reference, ScriptedRegistry.options(), SMALL, PullProgress.NONE));
        assertThat(e.code()).isEqualTo(ImageException.Code.TOO_LARGE);
        assertThat(registry.count("GET /v2/team/app/blobs/")).isZero();
    }

    @Test
    void progressEndsWithEveryLayerUnpacked() {
        Map<String, Set<PullProgress.Step>> seen = new ConcurrentHashMap<>();
        store.pull(reference, ScriptedRegistry.options(), ImportLimits.DEFAULT, (layer, step, done, total) -> {
            assertThat(done).isLessThanOrEqualTo(total);
            seen.computeIfAbsent(layer, l -> ConcurrentHashMap.newKeySet()).add(step);
        });
        assertThat(seen.get(Digest.of(big).toString()))
                .contains(PullProgress.Step.DOWNLOADING, PullProgress.Step.VERIFIED, PullProgress.Step.UNPACKED);
        assertThat(seen).hasSize(3);
    }

    /** Every request but those for tokens is refused until it carries one; tokens are given for what is expected alone. */
    private void requireToken(String expected) {
        ScriptedRegistry.Fault guard = exchange -> {
            String path = exchange.getRequestURI().getPath();
            String given = exchange.getRequestHeaders().getFirst("Authorization");
            if (path.equals("/token")) {
                String form = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
                boolean right = expected.isEmpty()
                        ? form.contains("grant_type=refresh_token") && form.contains("refresh_token=refresh")
                        : expected.equals(given);
                byte[] body = (right ? "{\"token\":\"t0k\"}" : "{}").getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(right ? 200 : 401, body.length);
                exchange.getResponseBody().write(body);
                exchange.close();
                return true;
            }
            if ("Bearer t0k".equals(given)) {
                return false;
            }
            return ScriptedRegistry.status(
                            401,
                            "WWW-Authenticate",
                            "Bearer realm=\"" + registry.url() + "/token\",service=\"scripted\"")
                    .answer(exchange);
        };
        for (int i = 0; i < 50; i++) {
            registry.then("*", guard);
        }
    }

    private Path partial() {
        return store.directory().resolve(".blobs/partial/" + Digest.of(big).hex());
    }

    private ScriptedRegistry.Fault cut(int bytes) {
        return registry.cutAfter(bytes, partial());
    }

    private PullResult pull() {
        return store.pull(reference, ScriptedRegistry.options(), ImportLimits.DEFAULT, PullProgress.NONE);
    }

    private ImageException failure() {
        RegistryOptions options = ScriptedRegistry.options();
        ImageException e = catchThrowableOfType(
                ImageException.class, () -> store.pull(reference, options, ImportLimits.DEFAULT, PullProgress.NONE));
        assertThat(e).isNotNull();
        return e;
    }

    @SuppressWarnings("NullAway") // set before each test
    private static ScriptedRegistry unset() {
        return null;
    }
}
