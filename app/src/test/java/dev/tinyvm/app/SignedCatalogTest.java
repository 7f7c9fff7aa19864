package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.images.ImageFormat;
import dev.tinyvm.images.ImageStore;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.manager.ImageCatalog;
import dev.tinyvm.manager.ManagerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SignedCatalogTest {
    private static final String REFERENCE = "registry.example.org/team/app:1";
    private static final String NAME = "sha256-" + "a".repeat(64);

    @TempDir
    Path data;

    /** An image that was pulled before there was a policy. */
    @BeforeEach
    void image() throws IOException {
        Path images = Files.createDirectory(data.resolve("images"));
        Files.createDirectories(images.resolve(".meta"));
        Files.writeString(images.resolve(".meta/" + NAME + ".json"), """
                {"version":1,"name":"%s","digest":"sha256:%s","sizeBytes":1,"createdAt":"2026-01-01T00:00:00Z","defaultUser":"root",
                 "env":{},"workingDir":"","command":[],"entrypoint":[],"manifests":["sha256:%s"],"layers":[],"references":["%s"]}
                """.formatted(
                        NAME, "a".repeat(64), "a".repeat(64), REFERENCE));
    }

    @Test
    void aDescriptorCannotNameAnImageThatIsNotSigned() throws Exception {
        assertThat(catalog(SignatureFile.find(data, null)).find(NAME)).isPresent();
        key(data.resolve("cosign.pub"));
        Path config = Files.writeString(
                data.resolve("tinyvm.yaml"),
                "images: {policy: [{match: registry.example.org/*, cosign: {publicKey: cosign.pub}}]}\n");
        for (SignaturePolicy policy : List.of(SignatureFile.find(data, null), SignatureFile.find(data, config))) {
            ImageCatalog catalog = catalog(policy);
            assertThatThrownBy(() -> catalog.find(NAME))
                    .isInstanceOfSatisfying(
                            ManagerException.class, e -> assertThat(e.code()).isEqualTo(ManagerException.Code.IMAGE))
                    .hasMessageContaining("tinyvm image pull " + REFERENCE);
            assertThat(catalog.find(ImageStore.HOST)).isPresent();
        }
    }

    @Test
    void aKeyThatIsNotThereIsSaid() throws IOException {
        Files.writeString(
                data.resolve("tinyvm.yaml"), "images: {policy: [{match: \"*\", cosign: {publicKey: none.pub}}]}\n");
        assertThatThrownBy(() -> SignatureFile.find(data, null))
                .isInstanceOf(CliException.class)
                .hasMessageContaining("signatures cannot be verified");
        assertThatThrownBy(() -> SignatureFile.find(data, data.resolve("other.yaml")))
                .isInstanceOf(CliException.class)
                .hasMessageContaining("there is no such configuration file");
    }

    private ImageCatalog catalog(SignaturePolicy policy) {
        return Assembly.catalog(
                new ImageStore(data.resolve("images"), ImageFormat.AUTO), policy, ProgramFiles.under(List.of(data)));
    }

    private static void key(Path file) throws IOException, NoSuchAlgorithmException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        Files.writeString(
                file,
                "-----BEGIN PUBLIC KEY-----\n"
                        + Base64.getMimeEncoder()
                                .encodeToString(
                                        generator.generateKeyPair().getPublic().getEncoded())
                        + "\n-----END PUBLIC KEY-----\n");
    }
}
