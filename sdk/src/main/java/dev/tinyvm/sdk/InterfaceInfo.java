package dev.tinyvm.sdk;

/**
 * The routed interface of a Tiny VM. Counters begin with its attachment.
 *
 * @param name inside
 * @param address inside, with its prefix
 * @param gateway the host's end
 * @param connectFilter whether a filter in the kernel judges connections where they are made, too
 * @param rules lines of the list that the kernel holds for it
 * @param connectsAllowed connections that the connect filter let through
 * @param connectsRefused connections that it refused
 * @param packetsDropped that the host did not forward
 */
public record InterfaceInfo(
        String name,
        String address,
        String gateway,
        boolean connectFilter,
        int rules,
        long bytesOut,
        long bytesIn,
        long connectsAllowed,
        long connectsRefused,
        long packetsDropped) {}
