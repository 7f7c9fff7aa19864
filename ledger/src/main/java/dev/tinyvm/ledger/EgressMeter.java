package dev.tinyvm.ledger;

/** Where bytes are told that left the host for a Tiny VM. {@link Ledger#egress} is one. */
@FunctionalInterface
public interface EgressMeter {
    /** Quick; for any thread. @param vm id of the Tiny VM @param bytes since the last call */
    void sent(String vm, long bytes);
}
