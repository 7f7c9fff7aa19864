package dev.tinyvm.network;

import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;

/** Looks names up for Tiny VMs. */
@FunctionalInterface
public interface Resolver {
    /**
     * @return at least one address
     * @throws java.net.UnknownHostException there is no such name, or it has no address
     * @throws IOException no answer in time
     */
    List<InetAddress> resolve(String name, Duration timeout) throws IOException;
}
