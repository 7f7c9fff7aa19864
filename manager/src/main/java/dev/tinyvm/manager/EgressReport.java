package dev.tinyvm.manager;

import dev.tinyvm.spec.Network;
import java.util.List;

/**
 * What a Tiny VM tried to reach.
 *
 * @param network the rules as they are now
 * @param underWay requests and tunnels that are open
 * @param bytesOut sent to servers since this manager began to serve it
 * @param bytesIn received from servers since then
 * @param allowed connections made since then
 * @param refused tries since then that the rules forbid
 * @param log the last tries, oldest first, each a JSON object ({@code docs/network.md}); kept over managers
 */
public record EgressReport(
        Network network, int underWay, long bytesOut, long bytesIn, long allowed, long refused, List<String> log) {
    public EgressReport {
        log = List.copyOf(log);
    }

    /** Nothing was tried. */
    public static EgressReport none(Network network) {
        return new EgressReport(network, 0, 0, 0, 0, 0, List.of());
    }
}
