package dev.tinyvm.network;

import java.time.Duration;

/**
 * Bounds of what one Tiny VM's connections may take of the host.
 *
 * @param connectionsPerVm open at once; more are answered 503
 * @param connectionsInAll of all Tiny VMs of this host
 * @param head time in which a request's head must be complete, from its first byte
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
        Duration keepAlive,
        Duration lookup,
        Duration connect,
        Duration idle,
        Duration lifetime,
        long bytesPerConnection) {
    public static final EgressLimits DEFAULT = new EgressLimits(
            128,
            8_192,
            Duration.ofSeconds(20),
            Duration.ofMinutes(2),
            Duration.ofSeconds(10),
            Duration.ofSeconds(15),
            Duration.ofMinutes(10),
            Duration.ofHours(24),
            64L << 30);
}
