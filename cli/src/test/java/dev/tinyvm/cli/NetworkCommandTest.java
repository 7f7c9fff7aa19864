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

    private static final String INTERFACE =
            "{\"name\":\"eth0\",\"address\":\"100.118.0.3/31\",\"gateway\":\"100.118.0.2\",\"connectFilter\":true,\"rules\":6,"
                    + "\"bytesOut\":1024,\"bytesIn\":2048,\"connectsAllowed\":3,\"connectsRefused\":4,\"packetsDropped\":5}";

    private static StubManager plugged() throws Exception {
        String vm = StubManager.vm(
                "aaaa1111", "one", "running", ",\"descriptor\":{\"spec\":{\"network\":{\"interface\":\"routed\"}}}");
        return new StubManager()
                .on("GET /api/v1/vms/one", 200, vm)
                .on("GET /api/v1/vms/aaaa1111", 200, vm)
                .on("POST /api/v1/vms/one/network/interface", 200, vm)
                .on("DELETE /api/v1/vms/one/network/interface", 200, vm)
                .on("GET /api/v1/vms/aaaa1111/network/interface", 200, INTERFACE)
                .on(
                        "GET /api/v1/vms/aaaa1111/network",
                        200,
                        "{\"egress\":[{\"cidr\":\"10.0.0.0/8\"}],\"interface\":\"routed\"}");
    }

    @Test
    void aRoutedInterfaceIsAttachedAndDetached() throws Exception {
        try (StubManager manager = plugged()) {
            CliRun attached = CliRun.against(manager, "attach", "one", "--network");
            assertThat(attached.out()).isEqualTo("one: eth0 100.118.0.3/31 by way of 100.118.0.2\n");
            assertThat(attached.code()).isZero();
            CliRun detached = CliRun.against(manager, "detach", "one", "--network");
            assertThat(detached.out()).isEqualTo("one: no routed interface any more\n");
            assertThat(manager.requests)
                    .contains("POST /api/v1/vms/one/network/interface", "DELETE /api/v1/vms/one/network/interface");
        }
    }

    @Test
    void nothingToAttachIsAMistake() throws Exception {
        try (StubManager manager = plugged()) {
            CliRun run = CliRun.against(manager, "attach", "one");
            assertThat(run.code()).isEqualTo(ExitCode.USAGE);
            assertThat(run.err()).contains("--volume", "--network");
        }
    }

    @Test
    void theInterfaceIsShownWithItsCounters() throws Exception {
        try (StubManager manager = plugged()) {
            assertThat(CliRun.against(manager, "network", "one").out()).isEqualTo("""
                            allow  10.0.0.0/8  80,443
                            interface eth0 100.118.0.3/31: 1Ki out, 2Ki in, 3 connections allowed, 4 refused, 5 packets dropped
                            """);
            assertThat(CliRun.against(manager, "network", "one", "--json").out())
                    .startsWith("{\"vm\":\"aaaa1111\",\"egress\":[")
                    .contains("\"interface\":{")
                    .contains("\"address\":\"100.118.0.3/31\"");
            assertThat(CliRun.against(manager, "inspect", "one").out())
                    .contains("\"id\" : \"aaaa1111\"")
                    .contains("\"networkInterface\" : {")
                    .contains("\"packetsDropped\" : 5");
        }
    }
}
