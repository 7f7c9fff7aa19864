package dev.tinyvm.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The grammar of references. */
class ReferenceTest {
    private static final String DIGEST = "sha256:" + "0a".repeat(32);

    @ParameterizedTest
    @CsvSource({
        "alpine, docker.io/library/alpine:latest, alpine:latest",
        "alpine:3.20, docker.io/library/alpine:3.20, alpine:3.20",
        "docker.io/alpine, docker.io/library/alpine:latest, alpine:latest",
        "index.docker.io/library/alpine, docker.io/library/alpine:latest, alpine:latest",
        "team/app, docker.io/team/app:latest, team/app:latest",
        "docker.io/library/deep/app, docker.io/library/deep/app:latest, library/deep/app:latest",
        "ghcr.io/a/b/c:v1.2_x-Y, ghcr.io/a/b/c:v1.2_x-Y, ghcr.io/a/b/c:v1.2_x-Y",
        "localhost/app, localhost/app:latest, localhost/app:latest",
        "localhost:5000/app, localhost:5000/app:latest, localhost:5000/app:latest",
        "127.0.0.1:5000/app:1, 127.0.0.1:5000/app:1, 127.0.0.1:5000/app:1",
        "[::1]:5000/app, [::1]:5000/app:latest, [::1]:5000/app:latest",
        "[::1]/app:2, [::1]/app:2, [::1]/app:2",
        "GHCR.io/app, ghcr.io/app:latest, ghcr.io/app:latest",
        "a__b/c--d/e.f, docker.io/a__b/c--d/e.f:latest, a__b/c--d/e.f:latest",
    })
    void aReferenceIsFilledInAsDockerDoes(String text, String canonical, String familiar) {
        Reference reference = Reference.parse(text);
        assertThat(reference.canonical()).isEqualTo(canonical);
        assertThat(reference.familiar()).isEqualTo(familiar);
        assertThat(Reference.parse(canonical)).isEqualTo(reference);
        assertThat(Reference.parse(familiar)).isEqualTo(reference);
    }

    @Test
    void aDigestPinsAndNeedsNoTag() {
        Reference pinned = Reference.parse("alpine@" + DIGEST);
        assertThat(pinned.tag()).isNull();
        assertThat(pinned.canonical()).isEqualTo("docker.io/library/alpine@" + DIGEST);
        assertThat(pinned.target()).isEqualTo(DIGEST);
        assertThat(Reference.parse("alpine:3@" + DIGEST).canonical()).isEqualTo("docker.io/library/alpine:3@" + DIGEST);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                ":",
                "@",
                "a/",
                "/a",
                "a//b",
                "A",
                "a/B",
                "Registry/app",
                "-a",
                "a-",
                "a.",
                "a..b",
                "a___b",
                "a:",
                "a:-x",
                "a:.x",
                "a: x",
                "a@sha256:12",
                "a@sha512:00",
                "a@",
                "a:x:y",
                "a b",
                "a/../b",
                "ex ample.com/a",
                "example.com:/a",
                "example.com:123456/a",
                "http://example.com/a",
                "example.com/a?b",
                "example.com/a#b",
                "user@example.com/a",
                "..",
                ".",
                "a\u0000",
                "é",
                "host.example/",
                "-host.example/a",
                "[::1/a",
                "a%2fb"
            })
    void whatIsNoReferenceIsRefusedWithTheReason(String text) {
        assertThatThrownBy(() -> Reference.parse(text))
                .isInstanceOf(RegistryException.class)
                .hasMessageContaining("no image reference");
    }

    @Test
    void theLongestPartsAreAllowedAndOneOverIsNot() {
        assertThat(Reference.parse("x.io/" + "a".repeat(255)).repository()).hasSize(255);
        assertThatThrownBy(() -> Reference.parse("x.io/" + "a".repeat(256))).hasMessageContaining("255");
        assertThat(Reference.parse("a:" + "t".repeat(128)).tag()).hasSize(128);
        assertThatThrownBy(() -> Reference.parse("a:" + "t".repeat(129))).hasMessageContaining("tag");
        assertThatThrownBy(() -> Reference.parse("a/".repeat(5_000))).hasMessageContaining("600");
    }

    @Test
    void plainHttpIsForThisMachineAlone() {
        for (String local : List.of("localhost/a", "localhost:1/a", "127.0.0.1:1/a", "127.9.9.9/a", "[::1]:1/a")) {
            assertThat(Reference.parse(local).api("").getScheme()).as(local).isEqualTo("http");
        }
        for (String remote :
                List.of("a", "localhost.example.com/a", "127.0.0.1.example.com/a", "10.0.0.1/a", "x.io/a")) {
            assertThat(Reference.parse(remote).api("").getScheme()).as(remote).isEqualTo("https");
        }
        assertThat(Reference.parse("a").api("x")).hasToString("https://registry-1.docker.io/v2/x");
    }
}
