package dev.tinyvm.server.tls;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Certificates and private keys as text. Source: RFC 7468. */
public final class Pem {
    private static final Pattern KEY =
            Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");
    private static final int LINE = 64;

    private Pem() {}

    /** The text of a private key, PKCS #8. */
    public static String of(PrivateKey key) {
        return block("PRIVATE KEY", key.getEncoded());
    }

    /** The text of a certificate. */
    public static String of(X509Certificate certificate) {
        try {
            return block("CERTIFICATE", certificate.getEncoded());
        } catch (CertificateEncodingException e) {
            throw new IllegalStateException("the certificate has no encoding: " + e.getMessage(), e);
        }
    }

    /**
     * Reads all certificates of a file, in its order.
     *
     * @throws IOException the file cannot be read or holds none; the message names it
     */
    public static List<X509Certificate> certificates(Path file) throws IOException {
        String text = text(file, "certificate");
        int first = text.indexOf("-----BEGIN CERTIFICATE-----");
        if (first < 0) {
            throw new IOException(file + " holds no certificate: expected PEM text with -----BEGIN CERTIFICATE-----");
        }
        try {
            List<X509Certificate> certificates = new ArrayList<>();
            for (Certificate one : CertificateFactory.getInstance("X.509")
                    .generateCertificates(
                            new ByteArrayInputStream(text.substring(first).getBytes(StandardCharsets.ISO_8859_1)))) {
                certificates.add((X509Certificate) one);
            }
            return certificates;
        } catch (CertificateException e) {
            throw new IOException(file + " holds a certificate that cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Reads a private key, PKCS #8 without a password.
     *
     * @param algorithm of the certificate's public key, such as {@code EC} or {@code RSA}
     * @throws IOException the file cannot be read or holds no such key; the message names it and never quotes it
     */
    public static PrivateKey privateKey(Path file, String algorithm) throws IOException {
        String text = text(file, "private key");
        Matcher key = KEY.matcher(text);
        if (!key.find()) {
            throw new IOException(file
                    + " holds no PKCS #8 private key without a password (-----BEGIN PRIVATE KEY-----); convert it: "
                    + "openssl pkcs8 -topk8 -nocrypt -in " + file + " -out key.pem");
        }
        try {
            byte[] bytes = Base64.getMimeDecoder().decode(key.group(1));
            return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(bytes));
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw new IOException(file + " holds no " + algorithm + " key, which the certificate needs", e);
        }
    }

    private static String text(Path file, String what) throws IOException {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException e) {
            throw new IOException("the " + what + " " + file + " does not exist", e);
        } catch (AccessDeniedException e) {
            throw new IOException("the " + what + " " + file + " cannot be read: permission denied", e);
        }
    }

    private static String block(String label, byte[] content) {
        String lines = Base64.getMimeEncoder(LINE, "\n".getBytes(StandardCharsets.US_ASCII))
                .encodeToString(content);
        return "-----BEGIN " + label + "-----\n" + lines + "\n-----END " + label + "-----\n";
    }
}
