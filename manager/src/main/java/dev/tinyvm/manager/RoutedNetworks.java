package dev.tinyvm.manager;

import java.net.InetAddress;
import java.util.Set;

/** The routed interfaces of Tiny VMs, for who knows what they may reach. Any thread, but not within a turn. An id that is not known is no error: nothing happens. */
public interface RoutedNetworks {
    /** Nobody has one. */
    RoutedNetworks NONE = new RoutedNetworks() {
        @Override
        public void refresh(String vm) {}

        @Override
        public Set<InetAddress> peers(String vm) {
            return Set.of();
        }
    };

    /**
     * What {@link LoopbackService#routed} says may be another list now: the kernel has it when this returns. Nothing happens when there is no interface.
     *
     * @throws ManagerException the kernel could not be told; it keeps the list that it has
     */
    void refresh(String vm);

    /** Addresses that open connections over the interface lead to. */
    Set<InetAddress> peers(String vm);
}
