package dev.tinyvm.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class AuthenticatorTest {
    private final AtomicLong nanos = new AtomicLong();
    private final Authenticator authenticator = new Authenticator(
            secret -> secret.equals("right") ? Optional.of("ci") : Optional.empty(), "local", nanos::get);

    @Test
    void manyWrongKeysFromOneAddressSlowDownThatAddressOnly() {
        for (int i = 0; i < Authenticator.BURST; i++) {
            assertThat(statusOf("wrong" + i, "10.0.0.1")).isEqualTo(401);
        }
        assertThat(statusOf("wrong", "10.0.0.1")).isEqualTo(429);
        assertThat(statusOf("wrong", "10.0.0.2")).isEqualTo(401);
        nanos.addAndGet(1_000_000_000L);
        assertThat(statusOf("wrong", "10.0.0.1")).isEqualTo(401);
    }

    @Test
    void aRightKeyPassesWhateverOthersAtItsAddressTried() {
        for (int i = 0; i < 100; i++) {
            statusOf("wrong" + i, "127.0.0.1");
        }
        assertThat(authenticator.authenticate("right", "127.0.0.1")).isEqualTo("ci");
        assertThat(authenticator.authenticate("local", "127.0.0.1")).isEqualTo("local");
    }

    @Test
    void noKeyIsAnErrorEvenWhenThereIsNoLocalKey() {
        Authenticator none = new Authenticator(secret -> Optional.empty(), "");
        HttpError error = catchThrowableOfType(HttpError.class, () -> none.authenticate("", "::1"));
        assertThat(error.status()).isEqualTo(401);
    }

    private int statusOf(String secret, String address) {
        return catchThrowableOfType(HttpError.class, () -> authenticator.authenticate(secret, address))
                .status();
    }
}
