package dev.tinyvm.e2b;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.spec.Network.Egress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

class NetworkRulesTest {
    @Test
    void whatIsAllowedInSoManyWordsIsLetThroughAndNothingElse() {
        NetworkRules rules = read("""
                {"allowOut": ["Example.org", "*.example.net:443", "1.1.1.1", "10.0.0.0/8:5432", "2606:4700::/32", "[::1]:80"], "denyOut": ["0.0.0.0/0"]}""");
        assertThat(rules.network().egress())
                .containsExactly(
                        new Egress("example.org", "", List.of()),
                        new Egress("*.example.net", "", List.of(443)),
                        new Egress("", "1.1.1.1/32", List.of()),
                        new Egress("", "10.0.0.0/8", List.of(5432)),
                        new Egress("", "2606:4700::/32", List.of()),
                        new Egress("", "::1/128", List.of(80)));
        assertThat(read("{}").network().egress()).isEmpty();
        assertThat(read("{\"denyOut\": [\"8.8.8.8\"]}").network().egress()).isEmpty();
    }

    @Test
    void allTrafficIsTheInternetAndNotTheHostsOwnNetworks() {
        assertThat(read("{\"allowOut\": [\"0.0.0.0/0\"]}").network().egress())
                .containsExactly(new Egress("*", "", List.of()));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"denyOut": ["example.org"]}              | invalid denied CIDR example.org
            {"allowOut": ["example.org"]}             | When specifying allowed domains in allow out, you must include 'ALL_TRAFFIC' in deny out
            {"allowOut": ["256.0.0.1"]}               | invalid allow out entry: '256.0.0.1' is not an address range
            {"denyOut": ["10.0.0.0/33"]}              | invalid deny out entry: '10.0.0.0/33' is not an address range
            {"denyOut": ["1.2.3.4:0"]}                | invalid deny out entry: '1.2.3.4:0' has no port
            {"allowOut": ["a b"]}                     | invalid allow out entry: 'a b' is neither an address
            {"allowOut": ["x:99999"]}                 | invalid allow out entry: 'x:99999' has no port
            {"allowOut": [7]}                         | invalid allow out entry: 7 is not text
            {"allowOut": "1.1.1.1"}                   | network.allowOut must be a list
            """)
    void whatIsWrongIsRefusedInE2bsWords(String json, String message) {
        assertThatThrownBy(() -> read(json)).isInstanceOfSatisfying(E2bError.class, e -> {
            assertThat(e.status()).isEqualTo(400);
            assertThat(e.text()).startsWith(message);
        });
    }

    private static NetworkRules read(String json) {
        return NetworkRules.read(JsonMapper.shared().readTree(json));
    }
}
