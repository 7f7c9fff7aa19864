package dev.tinyvm.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.Map;
import org.junit.jupiter.api.Test;

class RouterTest {
    private final Router router = new Router();

    RouterTest() {
        router.add(Route.of("GET", "/a/{x}", call -> {}));
        router.add(Route.of("POST", "/a/{x}", call -> {}));
        router.add(Route.of("GET", "/a/fixed", call -> {}));
        router.add(Route.stream("/a/{x}/stream", call -> {}));
    }

    @Test
    void aLiteralWinsOverAVariable() {
        assertThat(router.match("GET", "/a/fixed").route().pattern()).isEqualTo("/a/fixed");
        assertThat(router.match("GET", "/a/other").variables()).isEqualTo(Map.of("x", "other"));
    }

    @Test
    void variablesAreDecodedOnce() {
        assertThat(router.match("GET", "/a/b%20c%2525").variables()).isEqualTo(Map.of("x", "b c%25"));
    }

    @Test
    void anEmptySegmentIsNoValue() {
        assertThat(statusOf("GET", "/a/")).isEqualTo(404);
        assertThat(statusOf("GET", "/a//stream")).isEqualTo(404);
        assertThat(statusOf("GET", "//a/x")).isEqualTo(404);
        assertThat(statusOf("GET", "*")).isEqualTo(404);
        assertThat(statusOf("GET", "")).isEqualTo(404);
    }

    @Test
    void headIsForRoutesThatEnd() {
        assertThat(router.match("HEAD", "/a/x").route().method()).isEqualTo("GET");
        assertThat(statusOf("HEAD", "/a/x/stream")).isEqualTo(405);
    }

    @Test
    void theSameRouteTwiceIsAMistake() {
        assertThatThrownBy(() -> router.add(Route.of("GET", "/a/{y}", call -> {})))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private int statusOf(String method, String path) {
        return catchThrowableOfType(HttpError.class, () -> router.match(method, path))
                .status();
    }
}
