package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.RoutedInterface;
import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.engine.RoutedStats;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.Measure;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.manager.VmActivity.ModelCall;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Cidr;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Attachment;
import dev.tinyvm.spec.Network.Egress;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The routed interface of a Tiny VM as the manager keeps it. */
class RoutedInterfaceTest {
    private static final Network RULES = new Network(List.of(new Egress("", "10.0.0.0/8", List.of())));
    private static final RoutedRule LINE = line("10.0.0.0/8");
    private static final RoutedRule CHANGED_LINE = line("172.16.0.0/12");
    private static final Network CHANGED = new Network(List.of(new Egress("", "172.16.0.0/12", List.of())));

    @TempDir
    Path data;

    private final WayOut wayOut = new WayOut();
    private Fixture fixture;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
        fixture.loopback.add(wayOut);
        fixture.reopen();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void itIsAttachedWithTheRulesShownAndTaken() {
        String vm = sleeper(RULES);
        assertThat(fixture.manager.networkInterface(vm)).isEmpty();
        assertThat(fixture.manager
                        .attachNetwork(vm)
                        .descriptor()
                        .spec()
                        .network()
                        .attachment())
                .isEqualTo(Attachment.ROUTED);
        assertThat(kernel(vm)).contains(List.of(LINE));
        fixture.host.vm(vm).setRoutedStats(new RoutedStats(1, 2, 3, 4, 5));
        assertThat(fixture.manager.networkInterface(vm))
                .contains(new InterfaceReport(
                        new RoutedInterface("eth0", "100.118.0.3/31", "100.118.0.2", true),
                        new RoutedStats(1, 2, 3, 4, 5),
                        1));
        assertCode(Code.CONFLICT, () -> fixture.manager.attachNetwork(vm));
        assertThat(fixture.manager.detachNetwork(vm).descriptor().spec().network())
                .isEqualTo(RULES);
        assertThat(kernel(vm)).isEmpty();
        assertThat(fixture.manager.networkInterface(vm)).isEmpty();
        assertCode(Code.NOT_FOUND, () -> fixture.manager.detachNetwork(vm));
        assertThat(fixture.eventTypes(vm)).contains("vm.network-attached", "vm.network-detached");
    }

    @Test
    void aDescriptorMayAskForItAndItIsThereBeforeTheMainProcess() {
        String vm = sleeper(RULES.with(Attachment.ROUTED));
        assertThat(kernel(vm)).contains(List.of(LINE));
        assertThat(fixture.manager.networkInterface(vm)).isPresent();
    }

    @Test
    void rulesThatChangeReachTheKernelAndLeaveTheInterface() {
        String vm = sleeper(RULES);
        fixture.manager.attachNetwork(vm);
        assertThat(fixture.manager.setNetwork(vm, CHANGED).descriptor().spec().network())
                .isEqualTo(CHANGED.with(Attachment.ROUTED));
        assertThat(kernel(vm)).contains(List.of(CHANGED_LINE));
        assertThat(fixture.host.vm(vm).attachments()).isOne();
    }

    @Test
    void rulesDoNotMakeAnInterface() {
        String vm = sleeper(RULES);
        assertCode(Code.CONFLICT, () -> fixture.manager.setNetwork(vm, CHANGED.with(Attachment.ROUTED)));
        assertThat(fixture.manager.vm(vm).descriptor().spec().network()).isEqualTo(RULES);
    }

    @Test
    void whatAnsweredNamesBringReachesTheKernelToo() {
        String vm = sleeper(RULES);
        fixture.manager.routedNetworks().refresh(vm);
        assertThat(kernel(vm)).as("it has no interface").isEmpty();
        fixture.manager.attachNetwork(vm);
        wayOut.more = List.of(CHANGED_LINE);
        fixture.manager.routedNetworks().refresh(vm);
        assertThat(kernel(vm)).contains(List.of(LINE, CHANGED_LINE));
        fixture.manager.routedNetworks().refresh("nobody");
    }

    @Test
    void theNextManagerKeepsItWithItsConnectionsAndHandsItsRulesOver() {
        String vm = sleeper(RULES);
        fixture.manager.attachNetwork(vm);
        Optional<InterfaceReport> before = fixture.manager.networkInterface(vm);
        wayOut.more = List.of(CHANGED_LINE);
        fixture.reopen();
        assertThat(fixture.manager.networkInterface(vm).map(InterfaceReport::about))
                .isEqualTo(before.map(InterfaceReport::about));
        assertThat(fixture.host.vm(vm).attachments()).isOne();
        assertThat(kernel(vm)).contains(List.of(LINE, CHANGED_LINE));
        fixture.manager.detachNetwork(vm);
        fixture.reopen();
        assertThat(kernel(vm)).isEmpty();
    }

    @Test
    void whatTheLastManagerCouldNotAttachAnyMoreTheNextOneDoes() {
        String vm = sleeper(RULES.with(Attachment.ROUTED));
        fixture.closeManager();
        fixture.host.vm(vm).loseNetwork();
        fixture.openAgain();
        assertThat(kernel(vm)).contains(List.of(LINE));
        assertThat(fixture.eventTypes(vm)).contains("vm.network-attached");
    }

    @Test
    void aRestartedTinyVmHasItAgain() {
        String vm = sleeper(RULES);
        fixture.manager.attachNetwork(vm);
        fixture.manager.stop(vm);
        assertCode(Code.CONFLICT, () -> fixture.manager.attachNetwork(vm));
        fixture.manager.start(vm);
        assertThat(kernel(vm)).contains(List.of(LINE));
        assertThat(fixture.manager.networkInterface(vm)).isPresent();
    }

    @Test
    void aPausedOneCanBeAttachedAndDetached() {
        String vm = sleeper(RULES);
        fixture.manager.pause(vm);
        fixture.manager.attachNetwork(vm);
        assertThat(kernel(vm)).contains(List.of(LINE));
        fixture.manager.detachNetwork(vm);
        assertThat(kernel(vm)).isEmpty();
        assertThat(fixture.state(vm)).isEqualTo(VmState.PAUSED);
    }

    @Test
    void anAttachmentThatFailsLeavesNothing() {
        String vm = sleeper(RULES);
        fixture.host.vm(vm).failNetwork(new EngineException(EngineException.Code.UNAVAILABLE, "nf_tables is missing"));
        assertThatThrownBy(() -> fixture.manager.attachNetwork(vm))
                .isInstanceOfSatisfying(
                        ManagerException.class, e -> assertThat(e.code()).isEqualTo(Code.UNAVAILABLE))
                .hasMessageContaining("nf_tables is missing");
        assertThat(fixture.manager.vm(vm).descriptor().spec().network()).isEqualTo(RULES);
        fixture.host.vm(vm).failNetwork(null);
        fixture.reopen();
        assertThat(kernel(vm)).isEmpty();
    }

    @Test
    void aTinyVmThatIsToHaveOneDoesNotStartWithout() {
        fixture.host.failNetworks(new EngineException(EngineException.Code.UNAVAILABLE, "nf_tables is missing"));
        assertThatThrownBy(() -> sleeper(RULES.with(Attachment.ROUTED))).hasMessageContaining("nf_tables is missing");
        assertThat(fixture.host.ids()).as("nothing is left").isEmpty();
    }

    @Test
    void rulesThatTheKernelCannotHoldAreRefusedBeforeTheyAreStored() {
        String vm = sleeper(RULES);
        fixture.manager.attachNetwork(vm);
        wayOut.more = Collections.nCopies(RoutedRule.MOST_RULES, LINE);
        assertCode(Code.INVALID, () -> fixture.manager.setNetwork(vm, CHANGED));
        assertThat(fixture.manager.vm(vm).descriptor().spec().network().egress())
                .isEqualTo(RULES.egress());
        assertThat(kernel(vm)).contains(List.of(LINE));
    }

    @Test
    void bytesAreBilledOnceAlsoOverManagersAndAttachments() {
        String vm = sleeper(RULES);
        fixture.manager.attachNetwork(vm);
        sent(vm, 1_000);
        assertThat(billed()).isEqualTo(1_000);
        fixture.closeManager();
        sent(vm, 1_700);
        fixture.openAgain();
        assertThat(billed()).isEqualTo(1_700);
        assertThat(billed()).isEqualTo(1_700);
        fixture.manager.detachNetwork(vm);
        fixture.manager.attachNetwork(vm);
        sent(vm, 5_000);
        fixture.manager.stop(vm);
        assertThat(billed()).isEqualTo(6_700);
    }

    @Test
    void itIsNotFrozenWhileAConnectionOverTheInterfaceIsOpen() {
        String vm = sleeper(RULES);
        fixture.manager.attachNetwork(vm);
        fixture.host.vm(vm).setRoutedFlows(1);
        try (ModelCall _ = fixture.manager.activity().modelCall(vm)) {
            for (int i = 0; i < 50; i++) {
                fixture.timing.advance(VmWaiting.LONGEST_BETWEEN_LOOKS);
                assertThat(fixture.state(vm)).isEqualTo(VmState.RUNNING);
            }
            fixture.host.vm(vm).setRoutedFlows(0);
            fixture.awaitWaiting(vm);
        }
    }

    private String sleeper(Network network) {
        Agent agent = Fixture.agent("", Fixture.NO_RESTART, "sleep", "1000");
        return fixture.create(new Agent(
                        agent.metadata(), agent.spec().change().network(network).build()))
                .id();
    }

    private Optional<List<RoutedRule>> kernel(String vm) {
        return fixture.host.vm(vm).routedRules();
    }

    private void sent(String vm, long bytes) {
        fixture.host.vm(vm).setRoutedStats(new RoutedStats(bytes, 0, 0, 0, 0));
    }

    private long billed() {
        return fixture.manager.bill(BillQuery.by(BillQuery.By.VM)).total().get(Measure.EGRESS_BYTES);
    }

    private static void assertCode(Code code, ThrowingCallable attempt) {
        assertThatThrownBy(attempt)
                .isInstanceOfSatisfying(
                        ManagerException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    private static RoutedRule line(String range) {
        return new RoutedRule(
                false, Cidr.parse(range), List.of(new RoutedRule.PortRange(80, 80)), RoutedRule.Protocol.TCP);
    }

    /** Allows the ranges of the descriptor, and more. */
    private static final class WayOut implements LoopbackService {
        private volatile List<RoutedRule> more = List.of();

        @Override
        public Map<String, String> environment(ServedVm vm) {
            return Map.of();
        }

        @Override
        public List<Port> ports(ServedVm vm) {
            return List.of();
        }

        @Override
        public Optional<List<RoutedRule>> routed(ServedVm vm) {
            return Optional.of(java.util.stream.Stream.concat(
                            vm.spec().network().egress().stream().map(rule -> line(rule.cidr())), more.stream())
                    .toList());
        }
    }
}
