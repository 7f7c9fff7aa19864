package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.spec.LlmConfig;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EnvironmentProvidersTest {
    @Test
    void withoutKeysAndAddressesThereIsNone() {
        assertThat(EnvironmentProviders.of(Map.of("PATH", "/bin", "OPENAI_API_KEY", " "))
                        .providers())
                .isEmpty();
    }

    @Test
    void eachVendorIsFoundByItsOwnVariablesAndItsModelsByTheirNames() {
        LlmConfig all =
                EnvironmentProviders.of(Map.of("OPENAI_API_KEY", "a", "ANTHROPIC_API_KEY", "b", "GOOGLE_API_KEY", "c"));
        assertThat(all.providers())
                .extracting(LlmConfig.Provider::name, LlmConfig.Provider::type, LlmConfig.Provider::responses)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("openai", LlmConfig.Type.OPENAI, true),
                        org.assertj.core.groups.Tuple.tuple("anthropic", LlmConfig.Type.ANTHROPIC, true),
                        org.assertj.core.groups.Tuple.tuple("gemini", LlmConfig.Type.GEMINI, true));
        assertThat(all.providers().get(2).key()).isEqualTo(new LlmConfig.Key.Environment("GOOGLE_API_KEY"));
        assertThat(all.routes())
                .extracting(
                        LlmConfig.Route::model,
                        route -> route.targets().getFirst().provider())
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("claude*", "anthropic"),
                        org.assertj.core.groups.Tuple.tuple("gemini*", "gemini"),
                        org.assertj.core.groups.Tuple.tuple("gemma*", "gemini"),
                        org.assertj.core.groups.Tuple.tuple("*", "openai"));
        assertThat(EnvironmentProviders.of(Map.of("ANTHROPIC_API_KEY", "b"))
                        .routes()
                        .getLast()
                        .targets()
                        .getFirst()
                        .provider())
                .isEqualTo("anthropic");
    }

    @Test
    void anAddressAloneIsALocalServerThatCopiesOpenAi() {
        LlmConfig local = EnvironmentProviders.of(Map.of("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1"));
        assertThat(local.providers()).singleElement().satisfies(provider -> {
            assertThat(provider.key()).isEqualTo(new LlmConfig.Key.None());
            assertThat(provider.baseUrl()).isEqualTo("http://127.0.0.1:11434/v1");
            assertThat(provider.responses()).isFalse();
        });
        assertThatThrownBy(() -> EnvironmentProviders.of(Map.of("OPENAI_BASE_URL", "localhost")))
                .isInstanceOf(CliException.class)
                .hasMessageContaining("OPENAI_BASE_URL is not http://");
    }
}
