package dev.tinyvm.engine.container;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.RoutedInterface;
import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.engine.RoutedStats;
import dev.tinyvm.guestlink.wire.FrameWriter;
import java.net.Inet4Address;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/** Routed interfaces, which the spawner makes and removes. Stateless; any thread. */
final class SpawnerNetwork {
    private static final int IPV4 = 4;
    private static final int IPV6 = 6;
    private static final int TCP = 1;
    private static final int UDP = 2;
    private static final int BOTH = 3;

    private final SpawnerClient spawner;

    SpawnerNetwork(SpawnerClient spawner) {
        this.spawner = spawner;
    }

    /** An attachment over which the spawner dies is removed and begun anew. @throws EngineException as {@link dev.tinyvm.engine.Machine#attachNetwork} */
    RoutedInterface attach(String id, List<RoutedRule> rules) {
        NetworkOffer offer = NetworkOffer.of(spawner.ping().features());
        if (!offer.routed()) {
            throw new EngineException(
                    Code.UNAVAILABLE,
                    "could not attach a routed interface to " + id + ": this host has none to give: "
                            + offer.routedMissing());
        }
        try {
            return attachOnce(id, rules);
        } catch (SpawnerLostException e) {
            detach(id);
        }
        try {
            return attachOnce(id, rules);
        } catch (SpawnerLostException e) {
            detach(id);
            throw new EngineException(
                    Code.UNAVAILABLE, "could not attach a routed interface to " + id + ": " + e.getMessage(), e);
        }
    }

    private RoutedInterface attachOnce(String id, List<RoutedRule> rules) {
        try {
            return spawner.once(
                    "attach a routed interface to " + id,
                    put(SpawnerRequest.NETWORK_ATTACH.frame().str(id), rules),
                    payload -> new RoutedInterface(payload.str(), payload.str(), payload.str(), payload.bool()));
        } catch (SpawnerException e) {
            throw failure("could not attach a routed interface to " + id + ": ", e);
        }
    }

    /** What has none, or is gone, is no error. */
    void detach(String id) {
        try {
            spawner.repeated(
                    "take the routed interface from " + id,
                    () -> SpawnerRequest.NETWORK_DETACH.frame().str(id),
                    payload -> true);
        } catch (SpawnerException e) {
            throw failure("could not take the routed interface from " + id + ": ", e);
        }
    }

    /** @throws EngineException as {@link dev.tinyvm.engine.Machine#setNetworkRules} */
    void setRules(String id, List<RoutedRule> rules) {
        try {
            spawner.repeated(
                    "change the rules of the routed interface of " + id,
                    () -> put(SpawnerRequest.NETWORK_RULES.frame().str(id), rules),
                    payload -> true);
        } catch (SpawnerException e) {
            throw failure("could not change the rules of the routed interface of " + id + ": ", e);
        }
    }

    Optional<RoutedStats> stats(String id) {
        try {
            return spawner.repeated(
                    "read the counters of the routed interface of " + id,
                    () -> SpawnerRequest.NETWORK_STATS.frame().str(id),
                    payload -> {
                        boolean attached = payload.bool();
                        RoutedStats stats = new RoutedStats(
                                payload.u63(), payload.u63(), payload.u63(), payload.u63(), payload.u63());
                        return attached ? Optional.of(stats) : Optional.<RoutedStats>empty();
                    });
        } catch (SpawnerException e) {
            throw failure("could not read the counters of the routed interface of " + id + ": ", e);
        }
    }

    private static FrameWriter put(FrameWriter frame, List<RoutedRule> rules) {
        if (rules.size() > RoutedRule.MOST_RULES) {
            throw new EngineException(
                    Code.LIMIT,
                    rules.size() + " rules for a routed interface; the kernel holds " + RoutedRule.MOST_RULES);
        }
        frame.u32(rules.size());
        for (RoutedRule rule : rules) {
            byte[] address = rule.range().address().getAddress();
            ByteBuffer whole = ByteBuffer.allocate(16).put(16 - address.length, address);
            frame.bool(rule.deny())
                    .u8(rule.range().address() instanceof Inet4Address ? IPV4 : IPV6)
                    .u64(whole.getLong(0))
                    .u64(whole.getLong(8))
                    .u8(rule.range().prefixLength())
                    .u32(rule.ports().size());
            for (RoutedRule.PortRange ports : rule.ports()) {
                frame.u16(ports.first()).u16(ports.last());
            }
            frame.u8(
                    switch (rule.protocol()) {
                        case TCP -> TCP;
                        case UDP -> UDP;
                        case TCP_AND_UDP -> BOTH;
                    });
        }
        return frame;
    }

    private static EngineException failure(String attempt, SpawnerException e) {
        Code code = switch (e.errno()) {
            case Errno.ESRCH -> Code.GONE;
            case Errno.ENOENT -> e.step().equals("find-interface") ? Code.NOT_FOUND : Code.GONE;
            case Errno.EEXIST, Errno.EINVAL, Errno.EOPNOTSUPP -> Code.INVALID;
            case Errno.ENOSYS -> Code.UNAVAILABLE;
            case Errno.EADDRNOTAVAIL, Errno.ENOSPC, Errno.ENOMEM -> Code.LIMIT;
            default -> Code.FAILED;
        };
        return new EngineException(code, attempt + e.sentence(), e);
    }
}
