package dev.tinyvm.app;

import dev.tinyvm.server.tls.CertificateMaker;
import dev.tinyvm.server.tls.Pem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * What {@code tinyvm cert} makes in a data directory: {@code tls/ca.crt} for clients, {@code tls/server.crt} and {@code tls/server.key} for the manager. The directory stays root's: the manager
 * reads the key before it gives root up.
 */
record TlsFiles(Path directory) {
    private static final int DNS_NAME = 2;

    static TlsFiles of(Path data) {
        return new TlsFiles(data.resolve("tls"));
    }

    Path authority() {
        return directory.resolve("ca.crt");
    }

    Path certificate() {
        return directory.resolve("server.crt");
    }

    Path privateKey() {
        return directory.resolve("server.key");
    }

    /** The server certificate that is there. */
    Optional<X509Certificate> read() throws IOException {
        return Files.exists(certificate())
                ? Optional.of(Pem.certificates(certificate()).getFirst())
                : Optional.empty();
    }

    /** Puts new ones in place of what is there; each file is the old or the new one, never half of one. */
    void write(CertificateMaker.Made made) throws IOException {
        Path data = directory.toAbsolutePath().normalize().getParent();
        if (data != null && Files.notExists(data)) {
            Files.createDirectories(data);
            Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwx--x--x"));
        }
        if (Files.notExists(directory, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectory(directory);
        }
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        // The server certificate last: with it the set is complete.
        put(privateKey(), Pem.of(made.key()), "rw-------");
        put(authority(), Pem.of(made.authority()), "rw-r--r--");
        put(certificate(), Pem.of(made.server()), "rw-r--r--");
    }

    /** The first DNS name in a certificate that is no wildcard; empty: it has none. */
    static Optional<String> domain(X509Certificate certificate) throws IOException {
        try {
            Collection<List<?>> names = certificate.getSubjectAlternativeNames();
            return names == null
                    ? Optional.empty()
                    : names.stream()
                            .filter(name -> Integer.valueOf(DNS_NAME).equals(name.get(0)))
                            .map(name -> String.valueOf(name.get(1)))
                            .filter(name -> !name.startsWith("*."))
                            .findFirst();
        } catch (CertificateParsingException e) {
            throw new IOException("the certificate's names cannot be read: " + e.getMessage(), e);
        }
    }

    private static void put(Path file, String text, String permissions) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(fresh, text);
        Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString(permissions));
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
