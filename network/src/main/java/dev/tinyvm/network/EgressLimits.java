package dev.tinyvm.network;

import dev.tinyvm.network.wire.HeadLimits;
import dev.tinyvm.spec.NetworkConfig;
import java.time.Duration;

/**
 * Bounds of what one Tiny VM's connections may take of the host.
 *
 * @param connectionsPerVm open at once; more are answered 503
 * @param connectionsInAll of all Tiny VMs of this host
 * @param head time in which a request's head must be complete, from its first byte
 * @param headSize of requests and answers
 * @param keepAlive how long a connection may wait for its next request
 * @param lookup time for a name's addresses
 * @param connect time for a connection to the server, TLS included
 * @param idle how long a connection may carry no byte while something is under way
 * @param lifetime of one connection
 * @param bytesPerConnection both ways together
 */
public record EgressLimits(
        int connectionsPerVm,
        int connectionsInAll,
        Duration head,
        HeadLimits headSize,
        Duration keepAlive,
        Duration lookup,
        Duration connect,
        Duration idle,
        Duration lifetime,
        long bytesPerConnection) {
    public static final EgressLimits DEFAULT = of(NetworkConfig.Limits.DEFAULT);

    /** As they are configured. */
    public static EgressLimits of(NetworkConfig.Limits limits) {
        return new EgressLimits(
                limits.connections(),
                limits.connectionsInAll(),
                limits.head(),
                new HeadLimits(limits.headBytes(), limits.headFields()),
                limits.keepAlive(),
                limits.lookup(),
                limits.connect(),
                limits.idle(),
                limits.lifetime(),
                limits.bytes());
    }
}
