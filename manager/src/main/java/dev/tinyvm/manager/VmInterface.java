package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.RoutedInterface;
import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.engine.RoutedStats;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Attachment;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The routed interface of one Tiny VM. Its record says that there is to be one, before there is; the next manager mends what a crash left in between.
 *
 * <p>The lock is held while the list for the kernel is made and handed over, so that the last one handed over is the newest. It is taken within turns and outside of them;
 * nothing waits for a turn under it.
 */
final class VmInterface {
    private static final Logger LOG = LoggerFactory.getLogger(VmInterface.class);
    private static final Duration TRY_AGAIN = Duration.ofSeconds(1);

    private final TinyVm vm;
    private final Shared shared;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile @Nullable RoutedInterface now;
    private volatile int lines;

    VmInterface(TinyVm vm, Shared shared) {
        this.vm = vm;
        this.shared = shared;
    }

    /** For its user. In a turn. */
    boolean attach() {
        Machine machine = vm.live("attach a routed interface to it");
        VmRecord before = vm.record();
        if (vm.spec().network().routed()) {
            throw new ManagerException(
                    Code.CONFLICT, before.name() + " has a routed interface already; detach that first");
        }
        vm.store(with(before, Attachment.ROUTED), "", "");
        try {
            requireFits(vm.record());
            // Names that it asks for from here on are remembered.
            shared.offers().changed(vm.record());
            plug(machine);
        } catch (EngineException | ManagerException e) {
            quietly(machine::detachNetwork);
            vm.store(before, "", "");
            shared.offers().changed(before);
            throw e instanceof EngineException engine
                    ? Engines.translate("could not attach a routed interface to " + before.name(), engine)
                    : e;
        }
        tellAttached();
        return true;
    }

    /** For its user. In a turn. */
    boolean detach() {
        Machine machine = vm.live("detach the routed interface from it");
        VmRecord before = vm.record();
        if (!vm.spec().network().routed()) {
            throw new ManagerException(Code.NOT_FOUND, before.name() + " has no routed interface");
        }
        lock.lock();
        try {
            // Nothing passes from here on, so that the counter that is read next is the last.
            quietly(() -> machine.setNetworkRules(List.of()));
            long last = bytesOut(machine);
            machine.detachNetwork();
            now = null;
            shared.metering().routedOver(vm.id(), last);
        } catch (EngineException e) {
            throw Engines.translate("could not detach the routed interface from " + before.name(), e);
        } finally {
            lock.unlock();
        }
        vm.store(with(before, Attachment.NONE), "", "");
        shared.interfaces().remove(vm.id());
        shared.offers().changed(vm.record());
        vm.tell("vm.network-detached", "", Map.of());
        return true;
    }

    /** Its machine was made: it gets its interface before anything runs in it. In a turn. @throws EngineException as {@link Machine#attachNetwork} */
    void plug(Machine machine) {
        if (!vm.spec().network().routed()) {
            return;
        }
        lock.lock();
        try {
            List<RoutedRule> rules = shared.offers().routed(vm.record());
            RoutedInterface made = machine.attachNetwork(rules);
            now = made;
            lines = rules.size();
            shared.interfaces().put(vm.id(), made);
            shared.metering().routedOver(vm.id(), -1);
        } finally {
            lock.unlock();
        }
    }

    /** Its machine was taken up from the manager before. In a turn. */
    void mend(Machine machine) {
        if (!vm.spec().network().routed()) {
            return;
        }
        lock.lock();
        try {
            boolean there = machine.networkStats().isPresent();
            Optional<RoutedInterface> known = shared.interfaces().find(vm.id());
            if (there && known.isPresent()) {
                now = known.get();
                hand(machine);
                return;
            }
            if (there) {
                machine.detachNetwork();
            }
            plug(machine);
            tellAttached();
        } catch (EngineException e) {
            LOG.warn("{} is without its routed interface: {}", vm.record().name(), e.getMessage());
            vm.tell("vm.network-failed", Engines.message(e), Map.of());
        } finally {
            lock.unlock();
        }
    }

    /** Its machine is gone, and its interface with it. */
    void over() {
        now = null;
    }

    /** It is gone for good. */
    void removed() {
        now = null;
        shared.interfaces().remove(vm.id());
    }

    /** Before rules are stored. @throws ManagerException {@code INVALID} when the kernel cannot hold them */
    void requireFits(VmRecord record) {
        int size = record.descriptor().spec().network().routed()
                ? shared.offers().routed(record).size()
                : 0;
        if (size > RoutedRule.MOST_RULES) {
            throw new ManagerException(
                    Code.INVALID,
                    "the rules of " + record.name() + " come to " + size
                            + " lines for its routed interface, and the kernel holds " + RoutedRule.MOST_RULES
                            + "; write fewer ranges, or fewer ports in each");
        }
    }

    /** Hands the list over as it is now. Any thread. @throws ManagerException the kernel keeps the list that it has; it is tried again */
    void refresh() {
        if (now == null) {
            return;
        }
        lock.lock();
        try {
            Machine machine = vm.machine();
            if (now != null && machine != null) {
                hand(machine);
            }
        } catch (EngineException e) {
            if (e.code() != EngineException.Code.GONE) {
                Timing.Alarm _ = shared.timing()
                        .after(TRY_AGAIN, () -> Thread.ofVirtual().start(this::refreshQuietly));
                throw Engines.translate(
                        "could not change what the routed interface of "
                                + vm.record().name() + " may reach; it is tried again",
                        e);
            }
        } finally {
            lock.unlock();
        }
    }

    Set<InetAddress> peers() {
        Machine machine = vm.machine();
        if (now == null || machine == null) {
            return Set.of();
        }
        try {
            return machine.routedPeers();
        } catch (EngineException e) {
            throw Engines.translate(
                    "could not see the connections of " + vm.record().name(), e);
        }
    }

    /** Empty: it has none. */
    Optional<InterfaceReport> report() {
        RoutedInterface about = now;
        Machine machine = vm.machine();
        if (about == null || machine == null) {
            return Optional.empty();
        }
        try {
            return machine.networkStats().map(counters -> new InterfaceReport(about, counters, lines));
        } catch (EngineException e) {
            throw Engines.translate(
                    "could not read the counters of " + vm.record().name(), e);
        }
    }

    /** With the lock. */
    private void hand(Machine machine) {
        List<RoutedRule> rules = shared.offers().routed(vm.record());
        machine.setNetworkRules(rules);
        lines = rules.size();
    }

    private void refreshQuietly() {
        try {
            refresh();
        } catch (ManagerException e) {
            LOG.warn("{}", e.getMessage());
        }
    }

    private long bytesOut(Machine machine) {
        try {
            return machine.networkStats().map(RoutedStats::bytesOut).orElse(-1L);
        } catch (EngineException e) {
            LOG.info(
                    "the last counter of the interface of {} cannot be read: {}",
                    vm.record().name(),
                    e.getMessage());
            return -1;
        }
    }

    private void tellAttached() {
        RoutedInterface made = now;
        if (made != null) {
            vm.tell(
                    "vm.network-attached",
                    "",
                    Map.of(
                            "interface", made.name(),
                            "address", made.address(),
                            "connectFilter", Boolean.toString(made.connectFilter())));
        }
    }

    private static VmRecord with(VmRecord record, Attachment attachment) {
        Agent agent = record.descriptor();
        Network network = agent.spec().network().with(attachment);
        return record.withDescriptor(new Agent(
                agent.metadata(), agent.spec().change().network(network).build()));
    }

    private static void quietly(Runnable action) {
        try {
            action.run();
        } catch (EngineException e) {
            LOG.debug("{}", e.getMessage());
        }
    }
}
