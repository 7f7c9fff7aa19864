package dev.tinyvm.server.tls;

import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import javax.security.auth.x500.X500Principal;

/**
 * Makes a certificate authority for one domain and a server certificate signed by it. Both are ECDSA on P-256 and of version 3 as RFC 5280 has it. The JDK reads certificates and has no way to
 * make one.
 *
 * <p>The authority's key is used once and never leaves this class: who trusts the authority trusts this one server certificate and nothing that could be signed later.
 */
public final class CertificateMaker {
    /** As long as the strictest of the usual clients accept (825 days). */
    public static final Duration LIFE = Duration.ofDays(800);

    private static final String ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
    private static final String SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
    private static final String KEY_USAGE = "2.5.29.15";
    private static final String SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
    private static final String BASIC_CONSTRAINTS = "2.5.29.19";
    private static final String AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
    private static final String EXTENDED_KEY_USAGE = "2.5.29.37";
    private static final String SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1";

    /** Clocks of clients may be behind. */
    private static final Duration BEFORE = Duration.ofHours(1);

    private static final int SERIAL_BITS = 126;

    private CertificateMaker() {}

    /**
     * What was made.
     *
     * @param authority for clients to trust
     * @param server of the domain, of every name one step below it, of {@code localhost} and 127.0.0.1
     * @param key of the server
     */
    public record Made(X509Certificate authority, X509Certificate server, PrivateKey key) {}

    /**
     * Makes both.
     *
     * @param domain a DNS name without a port, lower case
     * @throws IllegalStateException this JDK lacks ECDSA
     */
    public static Made make(String domain, Instant now) {
        try {
            KeyPair authorityKeys = keys();
            KeyPair serverKeys = keys();
            X500Principal authorityName = new X500Principal("CN=TinyVM CA of " + domain + ",O=TinyVM");
            byte[] authorityId = keyId(authorityKeys.getPublic());
            X509Certificate authority = sign(
                    authorityKeys.getPrivate(),
                    authorityName,
                    authorityName,
                    authorityKeys.getPublic(),
                    now,
                    List.of(
                            // pathLen 0: signs servers, no further authorities.
                            extension(BASIC_CONSTRAINTS, true, Der.sequence(Der.yes(), Der.integer(BigInteger.ZERO))),
                            // keyCertSign and cRLSign are bits 5 and 6.
                            extension(KEY_USAGE, true, Der.bits(1, new byte[] {0x06})),
                            extension(SUBJECT_KEY_IDENTIFIER, false, Der.octets(authorityId))));
            X509Certificate server = sign(
                    authorityKeys.getPrivate(),
                    authorityName,
                    new X500Principal("CN=" + domain),
                    serverKeys.getPublic(),
                    now,
                    List.of(
                            extension(BASIC_CONSTRAINTS, true, Der.sequence()),
                            // digitalSignature is bit 0.
                            extension(KEY_USAGE, true, Der.bits(7, new byte[] {(byte) 0x80})),
                            extension(EXTENDED_KEY_USAGE, false, Der.sequence(Der.oid(SERVER_AUTHENTICATION))),
                            extension(SUBJECT_KEY_IDENTIFIER, false, Der.octets(keyId(serverKeys.getPublic()))),
                            extension(
                                    AUTHORITY_KEY_IDENTIFIER,
                                    false,
                                    Der.sequence(Der.tagged(Der.CONTEXT, authorityId))),
                            extension(SUBJECT_ALTERNATIVE_NAME, false, names(domain))));
            return new Made(authority, server, serverKeys.getPrivate());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK cannot make a certificate: " + e.getMessage(), e);
        }
    }

    private static KeyPair keys() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        return generator.generateKeyPair();
    }

    private static byte[] names(String domain) {
        int dnsName = Der.CONTEXT | 2;
        int address = Der.CONTEXT | 7;
        return Der.sequence(
                Der.ascii(dnsName, domain),
                Der.ascii(dnsName, "*." + domain),
                Der.ascii(dnsName, "localhost"),
                Der.tagged(address, new byte[] {127, 0, 0, 1}));
    }

    private static byte[] extension(String oid, boolean critical, byte[] value) {
        return critical
                ? Der.sequence(Der.oid(oid), Der.yes(), Der.octets(value))
                : Der.sequence(Der.oid(oid), Der.octets(value));
    }

    private static byte[] keyId(PublicKey key) throws GeneralSecurityException {
        return Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest(key.getEncoded()), 20);
    }

    private static X509Certificate sign(
            PrivateKey signer,
            X500Principal issuer,
            X500Principal subject,
            PublicKey key,
            Instant now,
            List<byte[]> extensions)
            throws GeneralSecurityException {
        byte[] algorithm = Der.sequence(Der.oid(ECDSA_WITH_SHA256));
        int version = Der.CONTEXT | Der.CONSTRUCTED;
        int extensionsTag = Der.CONTEXT | Der.CONSTRUCTED | 3;
        byte[] content = Der.sequence(
                Der.tagged(version, Der.integer(BigInteger.TWO)),
                Der.integer(new BigInteger(SERIAL_BITS, new SecureRandom()).add(BigInteger.ONE)),
                algorithm,
                issuer.getEncoded(),
                Der.sequence(Der.time(now.minus(BEFORE)), Der.time(now.plus(LIFE))),
                subject.getEncoded(),
                key.getEncoded(),
                Der.tagged(extensionsTag, Der.sequence(extensions.toArray(byte[][]::new))));
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initSign(signer);
        signature.update(content);
        byte[] certificate = Der.sequence(content, algorithm, Der.bits(0, signature.sign()));
        return (X509Certificate)
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(certificate));
    }
}
