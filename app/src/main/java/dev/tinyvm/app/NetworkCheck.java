package dev.tinyvm.app;

import dev.tinyvm.app.HostCheck.Finding;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.container.ContainerEngine;
import dev.tinyvm.engine.container.NetworkOffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What this host's kernel offers for routed interfaces. Only trying it out tells, and the spawner did so at its start: this asks one that runs. */
final class NetworkCheck {
    private static final String ROUTED = "routed interface";
    private static final String FILTER = "connect filter";
    private static final String NEED = "network";
    private static final String AGAIN = "; then tinyvm down, and up again";

    private NetworkCheck() {}

    /** @param spawner its socket, which need not exist */
    static List<Finding> of(Path spawner) {
        if (Files.notExists(spawner)) {
            return untold("not tried: no manager runs here", "sudo tinyvm up --detach, and tinyvm doctor again");
        }
        try {
            return of(ContainerEngine.networkOffer(spawner));
        } catch (EngineException e) {
            return untold("not known: " + e.getMessage(), "ask as root: sudo tinyvm doctor");
        }
    }

    static List<Finding> of(NetworkOffer offer) {
        return List.of(
                new Finding(
                        ROUTED,
                        NEED,
                        offer.routed(),
                        false,
                        offer.routed() ? "veth with NAT" : offer.routedMissing(),
                        offer.routed()
                                ? ""
                                : "sudo modprobe -a veth nf_tables nft_ct nft_masq nft_reject_inet, or a kernel that has them"
                                        + AGAIN),
                new Finding(
                        FILTER,
                        NEED,
                        offer.connectFilter(),
                        false,
                        offer.connectFilter()
                                ? "eBPF, at each connect"
                                : offer.connectFilterMissing() + " (the packet filter alone holds the list)",
                        offer.connectFilter()
                                ? ""
                                : "a kernel with CONFIG_CGROUP_BPF, and a cgroup v2 hierarchy, which may stand beside v1"
                                        + AGAIN));
    }

    private static List<Finding> untold(String detail, String remedy) {
        return List.of(
                new Finding(ROUTED, NEED, false, false, detail, remedy),
                new Finding(FILTER, NEED, false, false, detail, remedy));
    }
}
