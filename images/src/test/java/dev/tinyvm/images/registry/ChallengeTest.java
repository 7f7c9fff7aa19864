package dev.tinyvm.images.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ChallengeTest {
    @Test
    void parametersAreReadQuotedOrNotInAnyCase() {
        assertThat(Challenge.parse("Bearer Realm=\"https://a.example/t?x=1,2\",service=reg , scope=\"a:b:pull,push\""))
                .containsExactly(new Challenge(
                        "bearer",
                        Map.of("realm", "https://a.example/t?x=1,2", "service", "reg", "scope", "a:b:pull,push")));
    }

    @Test
    void severalChallengesInOneHeaderAreToldApart() {
        assertThat(Challenge.parse("Basic realm=\"a \\\"b\\\"\", Negotiate, Bearer realm=x"))
                .extracting(Challenge::scheme)
                .containsExactly("basic", "negotiate", "bearer");
    }

    @Test
    void nonsenseEndsTheReading() {
        for (String bad : List.of("", "=", "\"", "Bearer realm=\"", "Bearer =\"x\"", ",,,", "a=b", "Bearer \"x\" y")) {
            assertThat(Challenge.parse(bad).size()).as(bad).isLessThanOrEqualTo(2);
        }
    }
}
