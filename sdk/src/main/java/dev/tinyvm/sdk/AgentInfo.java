package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.List;

/**
 * An agent as it stands.
 *
 * @param stopped whether a user stopped it
 * @param replicas how many Tiny VMs it shall have
 * @param running how many are live
 * @param descriptorJson its descriptor as JSON
 */
public record AgentInfo(
        String name,
        String image,
        boolean stopped,
        int replicas,
        int running,
        Instant createdAt,
        List<VmInfo> vms,
        String descriptorJson) {}
