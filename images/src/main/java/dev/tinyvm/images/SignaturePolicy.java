package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import dev.tinyvm.spec.ImagesConfig;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Which repositories' images must be signed, with the keys, read once. Immutable; for any thread. */
public final class SignaturePolicy {
    /** Nothing must be signed. */
    public static final SignaturePolicy NONE = new SignaturePolicy(List.of());

    private static final int MAX_KEY_FILE_BYTES = 16 << 10;
    private static final Pattern PEM =
            Pattern.compile("-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\\s]+)-----END PUBLIC KEY-----");

    private final List<Rule> rules;

    private SignaturePolicy(List<Rule> rules) {
        this.rules = List.copyOf(rules);
    }

    /**
     * One entry.
     *
     * @param match as it was written
     * @param file where the key is, for messages
     * @param keyDigest of the key itself, whatever file it is in
     */
    record Rule(String match, Pattern pattern, PublicKey key, Path file, Digest keyDigest) {}

    /**
     * Reads the keys.
     *
     * @param problems gets what is wrong, a sentence each; the policy must not be used then
     */
    public static SignaturePolicy read(ImagesConfig config, List<String> problems) {
        List<Rule> rules = new ArrayList<>();
        for (ImagesConfig.Policy policy : config.policy()) {
            Path file = Path.of(policy.publicKey());
            try {
                PublicKey key = key(file);
                rules.add(new Rule(policy.match(), pattern(policy.match()), key, file, Digest.of(key.getEncoded())));
            } catch (NoSuchFileException e) {
                problems.add("the public key " + file + " of images.policy `" + policy.match()
                        + "` is not there; `cosign generate-key-pair` makes one, called cosign.pub");
            } catch (IOException | GeneralSecurityException | IllegalArgumentException e) {
                problems.add("the public key " + file + " of images.policy `" + policy.match()
                        + "` cannot be used: " + e.getMessage()
                        + "; expected a PEM file with an ECDSA P-256 public key, such as cosign's cosign.pub");
            }
        }
        return new SignaturePolicy(rules);
    }

    /** What holds for a repository; empty: its images need no signature. */
    Optional<Rule> rule(Reference reference) {
        String name = reference.registry() + "/" + reference.repository();
        return rules.stream()
                .filter(rule -> rule.pattern().matcher(name).matches())
                .findFirst();
    }

    private static Pattern pattern(String match) {
        return Pattern.compile(
                Arrays.stream(match.split("\\*+", -1)).map(Pattern::quote).collect(Collectors.joining(".*")));
    }

    private static PublicKey key(Path file) throws IOException, GeneralSecurityException {
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(MAX_KEY_FILE_BYTES + 1);
        }
        Matcher pem = PEM.matcher(new String(bytes, StandardCharsets.ISO_8859_1));
        if (bytes.length > MAX_KEY_FILE_BYTES || !pem.find()) {
            throw new GeneralSecurityException("it has no `BEGIN PUBLIC KEY`");
        }
        byte[] encoded = Base64.getMimeDecoder().decode(pem.group(1));
        PublicKey key;
        try {
            key = KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(encoded));
        } catch (GeneralSecurityException e) {
            throw new GeneralSecurityException("it is no elliptic curve key", e);
        }
        AlgorithmParameters p256 = AlgorithmParameters.getInstance("EC");
        p256.init(new ECGenParameterSpec("secp256r1"));
        ECParameterSpec expected = p256.getParameterSpec(ECParameterSpec.class);
        if (!(key instanceof ECPublicKey ec)
                || !ec.getParams().getCurve().equals(expected.getCurve())
                || !ec.getParams().getGenerator().equals(expected.getGenerator())) {
            throw new GeneralSecurityException("its curve is not P-256");
        }
        return key;
    }
}
