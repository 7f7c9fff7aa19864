package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.manager.Manager.AgentStatus;
import dev.tinyvm.manager.Manager.ResizeRequest;
import dev.tinyvm.manager.Manager.VmQuery;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.spec.Agent;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AgentsTest {
    @TempDir
    Path data;

    private Fixture fixture;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void replicasAreNamedAfterTheirAgentAndRun() {
        AgentStatus status = fixture.manager.apply(team(3, "sleep", "1000"));
        assertThat(status.vms()).extracting(VmStatus::name).containsExactly("team-0", "team-1", "team-2");
        assertThat(status.running()).isEqualTo(3);
        assertThat(fixture.manager.agents()).containsExactly(fixture.manager.agent("team"));
        assertThat(fixture.manager.vm("team-1").agent()).isEqualTo("team");
        assertThatThrownBy(() -> fixture.manager.agent("nobody")).hasMessageContaining("no agent nobody");
        assertThatThrownBy(() -> fixture.manager.apply(Fixture.agent("", Fixture.NO_RESTART)))
                .hasMessageContaining("needs a name");
    }

    @Test
    void eightOfNineRunOnFourCoresAndScalingDownTakesTheLast() {
        fixture.manager.apply(team(9, "sleep", "1000"));
        VmStatus ninth = fixture.manager.agent("team").vms().stream()
                .filter(v -> v.state() == VmState.PENDING)
                .findFirst()
                .orElseThrow();
        assertThat(ninth.reason()).isEqualTo("InsufficientCpu");
        assertThat(fixture.manager.agent("team").running()).isEqualTo(8);
        fixture.manager.scale("team", 4);
        assertThat(fixture.manager.agent("team").vms())
                .extracting(VmStatus::name)
                .containsExactly("team-0", "team-1", "team-2", "team-3");
        Fixture.eventually(() -> fixture.manager.agent("team").running() == 4, "the four run");
        fixture.manager.scale("team", 6);
        assertThat(fixture.manager.agent("team").running()).isEqualTo(6);
        assertThat(fixture.manager.agent("team").agent().spec().replicas()).isEqualTo(6);
        assertThatThrownBy(() -> fixture.manager.scale("team", -1)).isInstanceOf(ManagerException.class);
    }

    @Test
    void theSameDescriptorLeavesRunningOnesAloneAndAnotherReplacesThem() {
        fixture.manager.apply(team(2, "sleep", "1000"));
        List<String> before = ids();
        fixture.manager.resize("team-0", new ResizeRequest(Optional.of(300), Optional.empty(), Optional.empty()));
        fixture.manager.apply(team(3, "sleep", "1000"));
        assertThat(ids()).startsWith(before.toArray(String[]::new)).hasSize(3);
        fixture.reopen();
        Fixture.eventually(() -> fixture.manager.agent("team").running() == 3, "they run");
        assertThat(ids()).startsWith(before.toArray(String[]::new)).hasSize(3);
        Set<String> old = new HashSet<>(ids());
        fixture.manager.apply(team(3, "sleep", "2000"));
        Fixture.eventually(
                () -> ids().stream().noneMatch(old::contains)
                        && fixture.manager.agent("team").running() == 3,
                "all are replaced");
        assertThat(fixture.manager.agent("team").vms())
                .extracting(VmStatus::name)
                .containsExactly("team-0", "team-1", "team-2");
        assertThat(fixture.host.ids()).hasSize(3);
    }

    @Test
    void aStoppedAgentStaysStoppedUntilItIsStarted() {
        fixture.manager.apply(team(2, "sleep", "1000"));
        AgentStatus stopped = fixture.manager.stopAgent("team");
        assertThat(stopped.stopped()).isTrue();
        assertThat(stopped.vms()).allMatch(v -> v.state() == VmState.STOPPED);
        fixture.reopen();
        assertThat(fixture.manager.agent("team").vms()).allMatch(v -> v.state() == VmState.STOPPED);
        assertThat(fixture.manager.startAgent("team").running()).isEqualTo(2);
        long pid = fixture.manager.vm("team-0").hostPid();
        assertThat(fixture.manager.restartAgent("team").running()).isEqualTo(2);
        assertThat(fixture.manager.vm("team-0").hostPid()).isNotEqualTo(pid);
    }

    @Test
    void aRemovedReplicaComesBackAndARemovedAgentDoesNot() {
        fixture.manager.apply(team(2, "sleep", "1000"));
        String old = fixture.manager.vm("team-0").id();
        fixture.manager.remove("team-0");
        Fixture.eventually(() -> fixture.manager.agent("team").running() == 2, "another one runs");
        assertThat(fixture.manager.vm("team-0").id()).isNotEqualTo(old);
        fixture.manager.removeAgent("team");
        assertThat(fixture.manager.vms(VmQuery.ALL).items()).isEmpty();
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(fixture.manager.host().cpuMillisPromised()).isZero();
        assertThatThrownBy(() -> fixture.manager.removeAgent("team")).hasMessageContaining("no agent team");
    }

    private List<String> ids() {
        return fixture.manager.agent("team").vms().stream().map(VmStatus::id).toList();
    }

    private static Agent team(int replicas, String... command) {
        Agent one = Fixture.agent("team", Fixture.NO_RESTART, command);
        return new Agent(one.metadata(), one.spec().withReplicas(replicas));
    }
}
