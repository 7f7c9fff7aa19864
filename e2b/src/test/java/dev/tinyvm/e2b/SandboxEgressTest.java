package dev.tinyvm.e2b;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.spec.DescriptorWriter;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.NetworkReader;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

class SandboxEgressTest {
    private static final String MOST = """
            egress:
              - {host: "*.example.org", ports: [443]}
              - {host: pypi.org}
              - {cidr: 8.8.0.0/16, ports: [53]}
            """;

    private static String rules(String most, String network, boolean internet) {
        Network made = SandboxEgress.of(
                NetworkReader.read(most, "most").egress(),
                NetworkRules.read(JsonMapper.shared().readTree(network)),
                internet);
        return JsonMapper.shared()
                .writeValueAsString(DescriptorWriter.network(made).getOrDefault("egress", List.of()));
    }

    private static String expected(String yaml) {
        return JsonMapper.shared()
                .writeValueAsString(DescriptorWriter.network(NetworkReader.read("egress: " + yaml, "x"))
                        .getOrDefault("egress", List.of()));
    }

    @Test
    void aSandboxHasByDefaultWhatTheManagerAllows() {
        assertThat(rules(MOST, "{}", true))
                .isEqualTo(expected(
                        "[{host: '*.example.org', ports: [443]}, {host: pypi.org}, {cidr: 8.8.0.0/16, ports: [53]}]"));
        assertThat(rules(MOST, "{}", false)).isEqualTo("[]");
    }

    @Test
    void withoutConfigurationItHasWhatItNames() {
        assertThat(rules("egress: []", "{}", true)).isEqualTo("[]");
        assertThat(rules(
                        "egress: []",
                        "{\"allowOut\":[\"pypi.org\",\"10.1.2.3/8\",\"1.1.1.1:53\"],\"denyOut\":[\"0.0.0.0/0\"]}",
                        true))
                .isEqualTo(expected("[{host: pypi.org}, {cidr: 10.0.0.0/8}, {cidr: 1.1.1.1/32, ports: [53]}]"));
    }

    @Test
    void whatItAllowsIsWithinWhatTheManagerAllows() {
        String wish =
                "\"allowOut\":[\"a.example.org\",\"*\",\"evil.example.net\",\"8.8.8.8\",\"8.0.0.0/8\",\"1.1.1.1\",\"pypi.org:22\"]";
        assertThat(rules(MOST, "{\"denyOut\":[\"0.0.0.0/0\"]," + wish + "}", true))
                .isEqualTo(expected("[{host: a.example.org, ports: [443]}, {host: '*.example.org', ports: [443]},"
                        + " {host: pypi.org}, {cidr: 8.8.8.8/32, ports: [53]}, {cidr: 8.8.0.0/16, ports: [53]}]"));
    }

    @Test
    void whatItDeniesIsRefusedAndWhatItAllowsWins() {
        assertThat(rules(MOST, "{\"denyOut\":[\"8.8.8.0/24\"],\"allowOut\":[\"8.8.8.8\"]}", true))
                .isEqualTo(
                        expected(
                                "[{cidr: 8.8.8.8/32, ports: [53]}, {cidr: 8.8.8.0/24, deny: true},"
                                        + " {host: '*.example.org', ports: [443]}, {host: pypi.org}, {cidr: 8.8.0.0/16, ports: [53]}]"));
    }

    @Test
    void whatTheManagerDeniesNoSandboxCanAllow() {
        assertThat(rules(
                        "egress: [{host: '*'}, {host: bad.example.org, deny: true}]",
                        "{\"allowOut\":[\"bad.example.org\"],\"denyOut\":[\"0.0.0.0/0\"]}",
                        true))
                .startsWith(expected("[{host: bad.example.org, deny: true}]").replace("]", ""));
    }
}
