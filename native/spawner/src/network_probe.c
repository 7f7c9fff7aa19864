/* What this host can do for routed interfaces: see network.h. Tried once, at the start; nothing stays. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_unified.h"
#include "filter.h"
#include "forwarding.h"
#include "network_parts.h"
#include "veth.h"

enum { FEATURE_BYTES = 240 };

static char routed[FEATURE_BYTES], filtered[FEATURE_BYTES];

void network_open(const struct config *config) {
    network.pool = config->routed_pool;
    if (network.pool.prefix_length != 0)
        (void)forwarding_open(); /* if it fails, so does its lock when it is needed, and the probe tells */
}

size_t network_fds(int *out, size_t room) {
    return forwarding_fds(out, room);
}

const char *network_feature(int index) {
    return index == 0 ? routed : filtered;
}

static int missing(const char *what, int error) {
    snprintf(routed, sizeof routed, "routed-missing:%.120s (%.40s)", what, strerror(error));
    return -error;
}

static int probe_routing(void) {
    int lock = forwarding_lock();
    if (lock < 0)
        return missing("/run/tinyvm/network cannot be locked", -lock);
    forwarding_unlock(&lock);
    int result = access("/proc/sys/net/ipv4/conf/all/forwarding", W_OK) < 0 ? -errno : 0;
    if (result == 0 && (lock = open("/proc/sys/net/ipv4/conf/default/forwarding", O_WRONLY | O_CLOEXEC)) < 0)
        result = -errno; /* read-only in a container */
    fd_close(&lock);
    if (result < 0)
        return missing("/proc/sys/net is not writable", -result);
    result = nat_probe();
    if (result < 0)
        return missing("nf_tables with conntrack, NAT and reject: the kernel needs CONFIG_NF_TABLES_INET, NFT_CT, NFT_MASQ, NFT_REJECT", -result);
    result = veth_probe();
    return result < 0 ? missing("veth: the kernel needs CONFIG_VETH", -result) : 0;
}

static void probe_filter(void) {
    char why[160] = "no cgroup2 is mounted";
    int cgroup = unified_available() ? unified_begin_trial() : -ENOENT;
    int result = cgroup < 0 ? cgroup : filter_probe(cgroup, why, sizeof why);
    unified_end_trial(&cgroup);
    network.can_filter = result == 0;
    snprintf(filtered, sizeof filtered, network.can_filter ? "connect-filter" : "connect-filter-missing:%s", why);
}

void network_probe(uint32_t block) {
    nat_init(block);
    veth_init(block);
    network.can_route = false;
    if (network.pool.prefix_length == 0)
        snprintf(routed, sizeof routed, "routed-missing:switched off by --routed-pool none");
    else
        network.can_route = probe_routing() == 0;
    if (network.can_route)
        snprintf(routed, sizeof routed, "routed");
    probe_filter();
}
