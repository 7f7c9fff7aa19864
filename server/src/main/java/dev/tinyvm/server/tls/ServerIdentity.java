package dev.tinyvm.server.tls;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * Who the server is on TLS: a private key, and the certificates that say whose it is, the server's own first. Held in memory, so that whoever reads the files may lose the right to them.
 */
public final class ServerIdentity {
    private static final Map<String, String> SIGNATURES =
            Map.of("EC", "SHA256withECDSA", "RSA", "SHA256withRSA", "EdDSA", "EdDSA");

    private final PrivateKey key;
    private final List<X509Certificate> chain;

    private ServerIdentity(PrivateKey key, List<X509Certificate> chain) {
        this.key = key;
        this.chain = List.copyOf(chain);
    }

    /**
     * Reads both from PEM files.
     *
     * @throws IOException a file cannot be read, the key is not the certificate's, or the certificate is not valid now; the message says which and what to do
     */
    public static ServerIdentity read(Path certificate, Path privateKey, Instant now) throws IOException {
        List<X509Certificate> chain = Pem.certificates(certificate);
        X509Certificate own = chain.getFirst();
        String algorithm = own.getPublicKey().getAlgorithm();
        String signature = SIGNATURES.get(algorithm);
        if (signature == null) {
            throw new IOException(
                    certificate + " is for a key of kind " + algorithm + "; usable are EC, RSA and EdDSA");
        }
        PrivateKey key = Pem.privateKey(privateKey, algorithm);
        if (!belong(own, key, signature)) {
            throw new IOException("the private key " + privateKey + " is not that of the certificate " + certificate
                    + "; name the two that were made together");
        }
        if (now.isAfter(own.getNotAfter().toInstant())) {
            throw new IOException("the certificate " + certificate + " ended on "
                    + own.getNotAfter().toInstant()
                    + "; get a new one ('tinyvm cert --replace' when it is from there)");
        }
        return new ServerIdentity(key, chain);
    }

    /** The server's own certificate. */
    public X509Certificate certificate() {
        return chain.getFirst();
    }

    /** For connections that present this identity; no client certificates are asked for. */
    public SSLContext context() {
        try {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setKeyEntry("server", key, new char[0], chain.toArray(Certificate[]::new));
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(store, new char[0]);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys.getKeyManagers(), null, new SecureRandom());
            return context;
        } catch (GeneralSecurityException | IOException e) {
            throw new IllegalStateException("this JDK cannot use the certificate: " + e.getMessage(), e);
        }
    }

    private static boolean belong(X509Certificate certificate, PrivateKey key, String algorithm) throws IOException {
        try {
            byte[] words = {1, 2, 3};
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(key);
            signature.update(words);
            byte[] signed = signature.sign();
            signature.initVerify(certificate.getPublicKey());
            signature.update(words);
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            throw new IOException("the private key cannot be used: " + e.getMessage(), e);
        }
    }
}
