package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import dev.tinyvm.images.registry.RegistryClient;
import dev.tinyvm.images.registry.RegistryException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.InvalidKeyException;
import java.security.NoSuchAlgorithmException;
import java.security.Signature;
import java.security.SignatureException;
import java.util.Base64;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * Looks for a signature as cosign stores it beside an image: the tag {@code sha256-HEX.sig} names a manifest, each of its layers is what was signed,
 * and carries the signature as an annotation
 * ({@code https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md}). What the registry says is somebody else's word until the key
 * vouches for it. The store's lock is held.
 */
final class Cosign {
    static final String PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
    static final String SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature";
    static final String SIGNED_TYPE = "cosign container image signature";

    /** Of one document that was signed; they have some 250. */
    static final int MAX_PAYLOAD_BYTES = 64 << 10;
    /** Of one image. */
    static final int MAX_SIGNATURES = 100;

    /** Base64 of a DER signature has up to 96. */
    private static final int MAX_SIGNATURE_CHARACTERS = 1_024;

    private final RegistryClient client;
    private final BlobStore blobs;
    private final Reference reference;
    private final Digest digest;
    private final SignaturePolicy.Rule rule;
    private final Reference tag;

    /** @param digest of what the reference names: an index, or a manifest */
    Cosign(RegistryClient client, BlobStore blobs, Reference reference, Digest digest, SignaturePolicy.Rule rule) {
        this.client = client;
        this.blobs = blobs;
        this.reference = reference;
        this.digest = digest;
        this.rule = rule;
        this.tag = new Reference(reference.registry(), reference.repository(), "sha256-" + digest.hex() + ".sig", null);
    }

    /** @throws ImageException UNSIGNED unless the key has signed this digest for this repository */
    void require() throws IOException {
        JsonNode layers = manifest().path("layers");
        if (layers.size() > MAX_SIGNATURES) {
            throw unsigned(
                    "there are over " + MAX_SIGNATURES + " signatures at `" + tag + "`, the most that are looked at");
        }
        int signatures = 0;
        Optional<String> wrong = Optional.empty();
        for (JsonNode layer : layers) {
            if (!layer.path("mediaType").asString("").equals(PAYLOAD_TYPE)) {
                continue;
            }
            signatures++;
            byte[] payload = payload(Descriptor.parse(layer, "`" + tag + "`"));
            if (isByKey(
                    payload,
                    layer.path("annotations").path(SIGNATURE_ANNOTATION).asString(""))) {
                Optional<String> found = wrong(payload);
                if (found.isEmpty()) {
                    return;
                }
                wrong = found;
            }
        }
        if (wrong.isPresent()) {
            throw unsigned(wrong.get());
        }
        throw unsigned(
                signatures == 0
                        ? "there is no signature at `" + tag + "`, only other things"
                        : "none of the " + signatures + " signatures at `" + tag + "` is by " + rule.file());
    }

    private JsonNode manifest() {
        try {
            return OciJson.parse(client.manifest(tag).bytes(), "`" + tag + "`");
        } catch (RegistryException e) {
            if (e.code() == RegistryException.Code.NOT_FOUND) {
                throw unsigned("there is no signature: `" + tag + "` does not exist");
            }
            throw e;
        }
    }

    private byte[] payload(Descriptor blob) throws IOException {
        if (blob.size() > MAX_PAYLOAD_BYTES) {
            throw unsigned("a signature at `" + tag + "` is said to sign a document of " + blob.size()
                    + " bytes; at most " + MAX_PAYLOAD_BYTES + " are allowed");
        }
        Path file = blobs.partial(blob.digest());
        try {
            client.blob(tag, blob.digest(), blob.size(), file, done -> {});
            byte[] bytes = Files.readAllBytes(file);
            if (!Digest.of(bytes).equals(blob.digest())) {
                throw new IOException(file + " was changed while it was read");
            }
            return bytes;
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private boolean isByKey(byte[] payload, String base64) {
        if (base64.isEmpty() || base64.length() > MAX_SIGNATURE_CHARACTERS) {
            return false;
        }
        try {
            Signature signature = Signature.getInstance("SHA256withECDSA");
            signature.initVerify(rule.key());
            signature.update(payload);
            return signature.verify(Base64.getDecoder().decode(base64));
        } catch (SignatureException | IllegalArgumentException e) {
            return false; // no DER, no Base64: no signature
        } catch (NoSuchAlgorithmException | InvalidKeyException e) {
            throw new IllegalStateException("every JDK has ECDSA, and the key was checked when it was read", e);
        }
    }

    /** What does not fit in a document that the key has signed. */
    private Optional<String> wrong(byte[] payload) {
        JsonNode critical = OciJson.parse(payload, "`" + tag + "`").path("critical");
        String type = critical.path("type").asString("");
        String signed = critical.path("image").path("docker-manifest-digest").asString("");
        String name = critical.path("identity").path("docker-reference").asString("");
        if (!type.equals(SIGNED_TYPE)) {
            return Optional.of("what " + rule.file() + " signed at `" + tag + "` is no signature of an image, but "
                    + EntryName.shown(type));
        }
        if (!signed.equals(digest.toString())) {
            return Optional.of("the signature by " + rule.file() + " at `" + tag + "` is for another digest, "
                    + EntryName.shown(signed));
        }
        boolean fits = References.parse(name)
                .filter(signedFor -> signedFor.registry().equals(reference.registry())
                        && signedFor.repository().equals(reference.repository()))
                .isPresent();
        return fits
                ? Optional.empty()
                : Optional.of("the signature by " + rule.file() + " at `" + tag + "` is for another repository, "
                        + EntryName.shown(name));
    }

    private ImageException unsigned(String why) {
        return new ImageException(
                ImageException.Code.UNSIGNED,
                "`" + reference + "` is refused: images.policy `" + rule.match() + "` asks for a signature of " + digest
                        + " by " + rule.file() + ", and " + why + "; " + remedy());
    }

    private String remedy() {
        return "sign it with `cosign sign --key cosign.key " + reference.registry() + "/" + reference.repository() + "@"
                + digest
                + "` (cosign 3 and newer: also --new-bundle-format=false --use-signing-config=false), and pull again";
    }
}
