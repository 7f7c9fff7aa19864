package dev.tinyvm.network;

/** Told of the bytes that a Tiny VM moved through the proxy, for its bill. Called often and from any thread; must return at once. */
@FunctionalInterface
public interface EgressMeter {
    EgressMeter NONE = (vm, bytesOut, bytesIn) -> {};

    /**
     * @param vm id
     * @param bytesOut sent to servers since the last call, as they were on the wire, TLS of this proxy's own excepted
     * @param bytesIn received from servers since the last call
     */
    void moved(String vm, long bytesOut, long bytesIn);
}
