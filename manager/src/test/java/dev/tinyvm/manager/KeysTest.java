package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.manager.Manager.CreatedKey;
import dev.tinyvm.manager.Manager.KeyInfo;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeysTest {
    @TempDir
    Path data;

    private final ManualTiming timing = new ManualTiming();

    @Test
    void aKeyOpensUntilItIsRevokedAndItsSecretIsNotStored() throws Exception {
        String secret;
        try (Store store = open()) {
            Keys keys = new Keys(store, timing);
            store.start();
            CreatedKey laptop = keys.create("laptop");
            CreatedKey ci = keys.create("ci");
            secret = laptop.secret();
            assertThat(secret).matches("e2b_[0-9a-f]{40}").isNotEqualTo(ci.secret());
            assertThat(keys.list()).extracting(KeyInfo::name).containsExactly("ci", "laptop");
            assertThat(keys.authenticate(secret).map(KeyInfo::id))
                    .contains(laptop.key().id());
            assertThat(keys.authenticate(secret + "0")).isEmpty();
            assertThat(keys.authenticate("")).isEmpty();
            assertThatThrownBy(() -> keys.create("ci")).hasMessageContaining("already a key ci");
            assertThatThrownBy(() -> keys.create(" ")).isInstanceOf(ManagerException.class);
            keys.revoke("ci");
            assertThat(keys.authenticate(ci.secret())).isEmpty();
            assertThatThrownBy(() -> keys.revoke("ci")).hasMessageContaining("no key ci");
        }
        try (Store store = open()) {
            Keys keys = new Keys(store, timing);
            store.start();
            assertThat(keys.authenticate(secret)).isPresent();
            keys.revoke(keys.list().getFirst().id());
            assertThat(keys.list()).isEmpty();
        }
        try (var files = Files.list(data)) {
            for (Path file : files.toList()) {
                assertThat(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1))
                        .doesNotContain(secret.substring(4));
            }
        }
    }

    @Test
    void theLastUseIsRememberedNowAndThen() {
        CreatedKey key;
        try (Store store = open()) {
            Keys keys = new Keys(store, timing);
            store.start();
            key = keys.create("laptop");
            assertThat(keys.list().getFirst().lastUsedAt()).isEmpty();
            keys.authenticate(key.secret());
            timing.advance(Duration.ofSeconds(30));
            keys.authenticate(key.secret());
            assertThat(keys.list().getFirst().lastUsedAt()).contains(timing.now());
        }
        try (Store store = open()) {
            List<KeyInfo> list = new Keys(store, timing).list();
            assertThat(list.getFirst().lastUsedAt())
                    .isEqualTo(Optional.of(timing.now().minusSeconds(30)));
            store.start();
        }
    }

    private Store open() {
        return Store.open(data.resolve("manager.db"), Store.Gate.OPEN);
    }
}
