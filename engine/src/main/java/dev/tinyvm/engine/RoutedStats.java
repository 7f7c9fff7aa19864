package dev.tinyvm.engine;

/**
 * What went through a routed interface since it was attached.
 *
 * @param bytesOut of IP packets that left
 * @param bytesIn of IP packets that came
 * @param connectsAllowed connections that the connect filter let through; 0 without one
 * @param connectsRefused connections that it refused
 * @param packetsDropped that the host did not forward
 */
public record RoutedStats(
        long bytesOut, long bytesIn, long connectsAllowed, long connectsRefused, long packetsDropped) {}
