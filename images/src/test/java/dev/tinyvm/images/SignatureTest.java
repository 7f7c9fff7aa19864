package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.RegistryOptions;
import dev.tinyvm.spec.ImagesConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Pulls under a policy that asks for signatures, laid out as cosign does. */
class SignatureTest extends ArchiveFixture {
    private final OciBuilder image = new OciBuilder();
    private final KeyPair key = keys("EC", "secp256r1");
    private ScriptedRegistry registry = unset();
    private String repository = "";
    private String reference = "";
    private Path publicKey = Path.of("unset");
    private ImageStore signed = new ImageStore(Path.of("unset"));

    @BeforeEach
    void serve() throws IOException {
        registry = new ScriptedRegistry();
        image.layer(builder().file("tool", "tool").end());
        registry.serve("team/app", "1", image, image.index());
        repository = registry.host() + "/team/app";
        reference = repository + ":1";
        publicKey = Files.writeString(directory.resolve("cosign.pub"), pem(key));
        signed = under(registry.host() + "/team/*", publicKey);
    }

    @AfterEach
    void stop() {
        registry.close();
    }

    @Test
    void anImageWithASignatureIsPulledAndMayBeUsed() {
        sign(layer(payload(), key));
        PullResult result = pull(signed);
        assertThat(result.signedBy()).isEqualTo(publicKey.toString());
        for (String name : List.of(
                reference,
                repository + "@" + image.index(),
                repository + "@" + image.manifest(),
                image.index().toString(),
                result.image().name())) {
            assertThat(usable(signed, publicKey).find(name)).as(name).contains(result.image());
        }
        registry.requests.clear();
        assertThat(pull(signed).upToDate()).isTrue();
        assertThat(registry.requests).containsExactly("HEAD /v2/team/app/manifests/1");
    }

    @Test
    void ofSeveralSignaturesOneIsEnough() {
        sign(
                "{\"mediaType\":\"text/plain\",\"digest\":\"nothing\"}",
                layer(payload(), keys("EC", "secp256r1")),
                layer(payload(), key));
        assertThat(pull(signed).signedBy()).isNotEmpty();
    }

    @Test
    void withoutASignatureNothingIsKept() throws IOException {
        ImageException e = refused();
        assertThat(e)
                .hasMessageContaining("there is no signature: `" + repository + ":" + tag() + "` does not exist")
                .hasMessageContaining("`cosign sign --key cosign.key " + repository + "@" + image.index() + "`");
    }

    @Test
    void aSignatureByAnotherKeyIsNone() throws IOException {
        sign(layer(payload(), keys("EC", "secp256r1")), layer(payload(), keys("EC", "secp256r1")));
        assertThat(refused())
                .hasMessageContaining(
                        "none of the 2 signatures at `" + repository + ":" + tag() + "` is by " + publicKey);
    }

    @Test
    void aSignatureForAnotherDigestRepositoryOrPurposeIsNone() throws IOException {
        String other = "sha256:" + "1".repeat(64);
        sign(layer(payload(repository, other, Cosign.SIGNED_TYPE), key));
        assertThat(refused()).hasMessageContaining("is for another digest, `" + other + "`");
        String elsewhere = registry.host() + "/other/app";
        sign(layer(payload(elsewhere, image.index().toString(), Cosign.SIGNED_TYPE), key));
        assertThat(refused()).hasMessageContaining("is for another repository, `" + elsewhere + "`");
        sign(layer(payload(repository, image.index().toString(), "a blob"), key));
        assertThat(refused()).hasMessageContaining("no signature of an image, but `a blob`");
        sign(layer(payload(repository, image.manifest().toString(), Cosign.SIGNED_TYPE), key));
        assertThat(refused()).hasMessageContaining("is for another digest, `" + image.manifest() + "`");
    }

    @Test
    void aDocumentThatWasChangedIsNotSigned() throws IOException {
        byte[] changed = new String(payload(), StandardCharsets.UTF_8)
                .replace("\"optional\":null", "\"optional\":{}")
                .getBytes(StandardCharsets.UTF_8);
        sign(layer(changed, changed.length, signature(payload(), key)));
        assertThat(refused()).hasMessageContaining("none of the 1 signatures");
        sign(layer(payload(), payload().length, "no base64!"), layer(payload(), payload().length, "AAAA"));
        assertThat(refused()).hasMessageContaining("none of the 2 signatures");
    }

    @Test
    void aDocumentThatIsNotWhatItsDigestSaysIsRefused() throws IOException {
        sign(layer(payload(), key));
        byte[] other = payload();
        other[0] = ' ';
        registry.replace("/v2/team/app/blobs/" + Digest.of(payload()), other);
        assertThat(refused(ImageException.Code.DIGEST_MISMATCH)).hasMessageContaining("is not what its digest");
    }

    @Test
    void aHugeDocumentAndTooManySignaturesAreNotEvenFetched() throws IOException {
        byte[] huge = new byte[Cosign.MAX_PAYLOAD_BYTES + 1];
        sign(layer(huge, key));
        assertThat(refused()).hasMessageContaining("of 65537 bytes; at most 65536");
        assertThat(registry.count("GET /v2/team/app/blobs/")).isZero();
        sign(Collections.nCopies(101, layer(payload(), key)).toArray(String[]::new));
        assertThat(refused()).hasMessageContaining("over 100 signatures");
        assertThat(registry.count("GET /v2/team/app/blobs/")).isZero();
    }

    @Test
    void aDocumentThatIsLongerThanItSaysIsRefused() throws IOException {
        sign(layer(payload(), 7, signature(payload(), key)));
        assertThat(refused(ImageException.Code.REFUSED)).hasMessageContaining("more than the 7 bytes");
    }

    @Test
    void whatThePolicyDoesNotNameNeedsNoSignature() {
        ImageStore other = under("registry.example.org/*", publicKey);
        assertThat(pull(other).signedBy()).isEmpty();
        assertThat(registry.requests).noneMatch(request -> request.contains(".sig"));
        SignedImages usable = usable(other, "registry.example.org/*", publicKey);
        assertThat(usable.find(reference)).isPresent();
        assertThat(usable.find(ImageStore.HOST)).isPresent();
    }

    @Test
    void anImageFromBeforeThePolicyIsRefusedUntilItIsPulledAgain() {
        Image before = pull(store).image();
        SignedImages usable = usable(signed, publicKey);
        for (String name : List.of(
                reference,
                repository + "@" + image.index(),
                "registry.example.org/other@" + image.manifest(),
                image.manifest().toString(),
                before.name())) {
            assertThatThrownBy(() -> usable.find(name))
                    .as(name)
                    .hasMessageContaining("none was verified; `tinyvm image pull " + reference + "`");
        }
        assertThat(failure().code()).isEqualTo(ImageException.Code.UNSIGNED);
        sign(layer(payload(), key));
        PullResult again = pull(signed);
        assertThat(again.transferredBytes()).isZero();
        assertThat(usable.find(reference)).contains(again.image());
        assertThat(usable.find(before.name())).contains(again.image());
    }

    @Test
    void aKeyThatWasReplacedVouchesForNothing() throws IOException {
        sign(layer(payload(), key));
        pull(signed);
        Path replaced = Files.writeString(directory.resolve("new.pub"), pem(keys("EC", "secp256r1")));
        String match = registry.host() + "/team/*";
        assertThatThrownBy(() -> usable(store, match, replaced).find(reference))
                .hasMessageContaining("none was verified");
        assertThatThrownBy(() -> pull(under(match, replaced))).hasMessageContaining("is by " + replaced);
    }

    @Test
    void aTagThatMovesToWhatIsNotSignedStaysWhereItWas() throws IOException {
        sign(layer(payload(), key));
        Image first = pull(signed).image();
        image.layer(builder().file("more", "more").end());
        registry.serve("team/app", "1", image, image.index());
        assertThat(failure().code()).isEqualTo(ImageException.Code.UNSIGNED);
        assertThat(usable(signed, publicKey).find(reference)).contains(first);
        signed.remove(reference, Set::of);
        assertThat(list(store.directory().resolve(".verified"))).isEmpty();
    }

    @Test
    void keysThatAreNoneAreAllTold() throws IOException {
        Path rsa = Files.writeString(directory.resolve("rsa.pub"), pem(keys("RSA", "")));
        Path p384 = Files.writeString(directory.resolve("p384.pub"), pem(keys("EC", "secp384r1")));
        Path text = Files.writeString(directory.resolve("text.pub"), "hello");
        Path none = directory.resolve("none.pub");
        List<String> problems = new ArrayList<>();
        SignaturePolicy.read(
                new ImagesConfig(List.of(rsa, p384, text, none).stream()
                        .map(file -> new ImagesConfig.Policy("*", file.toString()))
                        .toList()),
                problems);
        assertThat(problems).hasSize(4);
        assertThat(problems.get(0)).contains("rsa.pub").contains("no elliptic curve key");
        assertThat(problems.get(1)).contains("p384.pub").contains("its curve is not P-256");
        assertThat(problems.get(2)).contains("text.pub").contains("no `BEGIN PUBLIC KEY`");
        assertThat(problems.get(3)).contains("none.pub", "is not there").contains("cosign generate-key-pair");
    }

    private String tag() {
        return "sha256-" + image.index().hex() + ".sig";
    }

    private byte[] payload() {
        return payload(repository, image.index().toString(), Cosign.SIGNED_TYPE);
    }

    /** As cosign writes it. */
    private static byte[] payload(String repository, String digest, String type) {
        return ("{\"critical\":{\"identity\":{\"docker-reference\":\"" + repository
                        + "\"},\"image\":{\"docker-manifest-digest\":\"" + digest + "\"},\"type\":\"" + type
                        + "\"},\"optional\":null}")
                .getBytes(StandardCharsets.UTF_8);
    }

    private final OciBuilder signatures = new OciBuilder();

    private String layer(byte[] payload, KeyPair by) {
        return layer(payload, payload.length, signature(payload, by));
    }

    private String layer(byte[] payload, int size, String signature) {
        return "{\"mediaType\":\"" + Cosign.PAYLOAD_TYPE + "\",\"digest\":\"" + signatures.put(payload)
                + "\",\"size\":" + size + ",\"annotations\":{\"" + Cosign.SIGNATURE_ANNOTATION + "\":\"" + signature
                + "\"}}";
    }

    /** Pushes the signatures of the image. */
    private void sign(String... layers) {
        byte[] config = "{}".getBytes(StandardCharsets.UTF_8);
        Digest manifest =
                signatures.put(("{\"schemaVersion\":2,\"mediaType\":\"" + OciBuilder.MANIFEST + "\",\"config\":"
                                + OciBuilder.descriptor(OciJson.OCI_CONFIG, signatures.put(config), config.length)
                                + ",\"layers\":[" + String.join(",", layers) + "]}")
                        .getBytes(StandardCharsets.UTF_8));
        registry.serve("team/app", tag(), signatures, manifest);
    }

    private static String signature(byte[] payload, KeyPair by) {
        try {
            Signature signature = Signature.getInstance("SHA256withECDSA");
            signature.initSign(by.getPrivate());
            signature.update(payload);
            return Base64.getEncoder().encodeToString(signature.sign());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static KeyPair keys(String algorithm, String curve) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
            if (curve.isEmpty()) {
                generator.initialize(2048);
            } else {
                generator.initialize(new ECGenParameterSpec(curve));
            }
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String pem(KeyPair pair) {
        return "-----BEGIN PUBLIC KEY-----\n"
                + Base64.getMimeEncoder().encodeToString(pair.getPublic().getEncoded())
                + "\n-----END PUBLIC KEY-----\n";
    }

    private static SignaturePolicy policy(String match, Path file) {
        List<String> problems = new ArrayList<>();
        SignaturePolicy policy = SignaturePolicy.read(
                new ImagesConfig(List.of(new ImagesConfig.Policy(match, file.toString()))), problems);
        assertThat(problems).isEmpty();
        return policy;
    }

    private ImageStore under(String match, Path file) {
        return new ImageStore(store.directory(), ImageFormat.DIRECTORY, policy(match, file));
    }

    private SignedImages usable(ImageStore images, Path file) {
        return usable(images, registry.host() + "/team/*", file);
    }

    private static SignedImages usable(ImageStore images, String match, Path file) {
        return new SignedImages(images, policy(match, file));
    }

    private PullResult pull(ImageStore from) {
        return from.pull(reference, ScriptedRegistry.options(), ImportLimits.DEFAULT, PullProgress.NONE);
    }

    private ImageException refused() throws IOException {
        return refused(ImageException.Code.UNSIGNED);
    }

    /** Nothing of it is there after. */
    private ImageException refused(ImageException.Code code) throws IOException {
        ImageException e = failure();
        assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
        assertThat(store.find(reference)).isEmpty();
        assertThat(store.tags()).isEmpty();
        assertThat(list(store.directory().resolve(".blobs/sha256"))).isEmpty();
        assertThat(list(store.directory().resolve(".blobs/partial"))).isEmpty();
        return e;
    }

    private ImageException failure() {
        RegistryOptions options = ScriptedRegistry.options();
        ImageException e = catchThrowableOfType(
                ImageException.class, () -> signed.pull(reference, options, ImportLimits.DEFAULT, PullProgress.NONE));
        assertThat(e).isNotNull();
        return e;
    }

    @SuppressWarnings("NullAway") // set before each test
    private static ScriptedRegistry unset() {
        return null;
    }
}
