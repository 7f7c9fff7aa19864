package dev.tinyvm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.spec.Network.Egress;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class NetworkCommandTest {
    @Test
    void aRuleIsAHostOrARangeWithPorts() {
        assertThat(NetworkCommand.rule("--allow", "example.org", false))
                .isEqualTo(new Egress("example.org", "", List.of()));
        assertThat(NetworkCommand.rule("--allow", "*.example.org:443,8443", false))
                .isEqualTo(new Egress("*.example.org", "", List.of(443, 8443)));
        assertThat(NetworkCommand.rule("--allow", "10.0.0.0/8:5432", false))
                .isEqualTo(new Egress("", "10.0.0.0/8", List.of(5432)));
        assertThat(NetworkCommand.rule("--deny", "[fd00::/8]:80", true))
                .isEqualTo(new Egress("", "fd00::/8", List.of(80), true, Optional.empty()));
        assertThat(NetworkCommand.rule("--deny", "fd00::/8", true))
                .isEqualTo(new Egress("", "fd00::/8", List.of(), true, Optional.empty()));
    }

    @Test
    void whatIsNoRuleIsRefusedWithWhatWouldBeRight() {
        assertThatThrownBy(() -> NetworkCommand.rule("--allow", "example.org:https", false))
                .isInstanceOf(CliException.class)
                .hasMessageContaining("example.org:443,8443");
        assertThatThrownBy(() -> NetworkCommand.rule("--allow", "example.org:70000", false))
                .hasMessageContaining("from 1 to 65535");
        assertThatThrownBy(() -> NetworkCommand.rule("--allow", "10.0.0.1", false))
                .hasMessageContaining("for an address write `cidr`");
        assertThatThrownBy(() -> NetworkCommand.rule("--allow", "10.0.0.1/8", false))
                .hasMessageContaining("bits set beyond its prefix");
    }
}
