/* See network.h. */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup_unified.h"
#include "filter.h"
#include "forwarding.h"
#include "nat.h"
#include "netlink.h"

enum { INSIDE_MILLIS = 5000, GONE_BY_ITSELF_MILLIS = 1000, FEATURE_BYTES = 240 };

static struct attachment {
    bool attached;
    bool filter;
    uint32_t gateway; /* the Tiny VM's address is the next one */
    int counters;     /* of the filter, -1: none */
    int64_t ending;   /* when it was first found that the wall is gone, 0: not yet */
} attachments[SLOTS];

static uint32_t attached_count;
static uint32_t last_gateway;
static struct pool pool;
static char routed[FEATURE_BYTES], filtered[FEATURE_BYTES];
static bool can_route, can_filter;

/* ---- what this host can do ---- */

void network_open(const struct config *config) {
    pool = config->routed_pool;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        attachments[slot].counters = -1;
    if (pool.prefix_length != 0)
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
    can_filter = result == 0;
    snprintf(filtered, sizeof filtered, can_filter ? "connect-filter" : "connect-filter-missing:%s", why);
}

void network_probe(uint32_t block) {
    nat_init(block);
    veth_init(block);
    can_route = false;
    if (pool.prefix_length == 0)
        snprintf(routed, sizeof routed, "routed-missing:switched off by --routed-pool none");
    else
        can_route = probe_routing() == 0;
    if (can_route)
        snprintf(routed, sizeof routed, "routed");
    probe_filter();
}

/* ---- attaching ---- */

/* A step is named, and made to fail by tests once it has been done. */
static int step(const char *name, int result, struct fault *fault, const char *text) {
    if (result == 0 && test_fails(name))
        return fault_set(fault, EIO, name, "made to fail by a test");
    return result == 0 ? 0 : fault_set(fault, -result, name, "%s", text);
}

/* The wall's network namespace: opened by its pid, and then the process is seen to be alive still. */
static int open_namespace(const struct wall *wall) {
    char path[64];
    struct pollfd ended = {.fd = wall->pidfd, .events = POLLIN};
    snprintf(path, sizeof path, "/proc/%d/ns/net", wall->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 ? -errno : poll(&ended, 1, 0) != 0 ? -ESRCH : 0;
    if (result < 0)
        fd_close(&fd);
    return result < 0 ? result : fd;
}

/* In a process of its own, which enters nothing but the network namespace and ends with the errno. */
static _Noreturn void run_inside(int namespace_fd, uint32_t gateway) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    nl_forget(); /* those of the host */
    int result = setns(namespace_fd, CLONE_NEWNET) < 0 ? -errno : veth_configure_inside(gateway + 1, gateway);
    _exit(-result & 0xff);
}

static int configure_inside(int namespace_fd, uint32_t gateway) {
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        run_inside(namespace_fd, gateway);
    int pidfd = sys_pidfd_open(pid), status = 0;
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    bool in_time = pidfd >= 0 && poll(&ended, 1, INSIDE_MILLIS) == 1;
    if (!in_time)
        kill(pid, SIGKILL);
    fd_close(&pidfd);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return !in_time ? -ETIMEDOUT : WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* Everything that is closed, before the interface exists. */
static int lock_up(uint32_t slot, const struct rules *rules, struct fault *fault) {
    struct attachment *attachment = &attachments[slot];
    int result = step("make-rules", nat_add(slot, attachment->gateway + 1, rules, attached_count == 0), fault,
                      "cannot make the rules in nf_tables");
    attachment->filter = can_filter && !test_fails("skip-filter");
    if (result < 0 || !attachment->filter)
        return result;
    int cgroup = unified_enter(slot);
    result = step("enter-cgroup", cgroup < 0 ? cgroup : 0, fault, "cannot move the Tiny VM's processes into a cgroup of their own");
    if (result == 0) {
        attachment->counters = filter_make_counters();
        result = step("make-counters", attachment->counters < 0 ? attachment->counters : 0, fault, "bpf(2) makes no map");
    }
    if (result == 0) {
        result = filter_attach(cgroup, attachment->counters, rules, fault);
        if (result == 0)
            result = step("attach-filter", 0, fault, "");
    }
    fd_close(&cgroup);
    return result;
}

static int plug(uint32_t slot, int namespace_fd, const struct routes *routes, struct fault *fault) {
    uint32_t gateway = attachments[slot].gateway;
    int result = step("make-veth", veth_make(slot, namespace_fd, routes->mtu), fault, "cannot make the veth pair");
    if (result == 0)
        result = step("prepare-veth", veth_prepare(slot, gateway), fault, "cannot set up the host's end of the veth pair");
    if (result == 0)
        result = step("allow-forwarding", forwarding_allow(routes), fault, "cannot let the host forward for it");
    if (result == 0)
        result = step("configure-inside", configure_inside(namespace_fd, gateway), fault, "cannot set up " INSIDE_NAME " inside");
    if (result == 0)
        result = step("raise-veth", veth_raise(slot), fault, "cannot bring the interface up");
    return result;
}

/* Takes away whatever is there, the interface first. Goes on after a failure; 0 or the first one. */
static int take_away(uint32_t slot) {
    struct attachment *attachment = &attachments[slot];
    (void)veth_lower(slot); /* at once; the removal takes its time */
    int first = veth_remove(slot);
    int cgroup = unified_find(slot);
    if (cgroup >= 0)
        filter_detach(cgroup);
    fd_close(&cgroup);
    int result = unified_leave(slot);
    first = first == 0 ? result : first;
    fd_close(&attachment->counters);
    result = nat_remove(slot, attachment->gateway + 1);
    first = first == 0 ? result : first;
    if (attached_count == 0) {
        result = nat_remove_table();
        first = first == 0 ? result : first;
    }
    int lock = forwarding_lock();
    result = lock < 0 ? lock : forwarding_release();
    forwarding_unlock(&lock);
    return first == 0 ? result : first;
}

static void format_address(uint32_t address, const char *suffix, char out[32]) {
    char text[INET_ADDRSTRLEN];
    struct in_addr value = {.s_addr = htonl(address)};
    snprintf(out, 32, "%s%s", inet_ntop(AF_INET, &value, text, sizeof text) == NULL ? "" : text, suffix);
}

static int check_attachable(const struct wall *wall, struct fault *fault) {
    if (wall->runtime == RUNTIME_RUNSC)
        return fault_set(fault, EOPNOTSUPP, "enter-network",
                         "gVisor has a network stack of its own: a Tiny VM behind runsc cannot have a routed interface; use the egress proxy, or another engine");
    if (wall->state != WALL_RUNNING || wall->pidfd < 0)
        return fault_set(fault, ESRCH, "enter-network", "%s has ended", wall->id);
    if (!can_route)
        return fault_set(fault, ENOSYS, "probe-network", "%.180s", routed + strlen("routed-missing:"));
    return 0;
}

int network_attach(uint32_t slot, const struct rules *rules, struct network_answer *answer, struct fault *fault) {
    static struct routes routes;
    struct attachment *attachment = &attachments[slot];
    test_read_failing_step();
    int result = check_attachable(wall_at(slot), fault);
    if (result < 0)
        return result;
    if (attachment->attached)
        return fault_set(fault, EEXIST, "attach-network", "%s has an interface already", wall_at(slot)->id);
    int namespace_fd = open_namespace(wall_at(slot));
    if (namespace_fd < 0)
        return fault_set(fault, -namespace_fd, "enter-network", "cannot open the network namespace of %s", wall_at(slot)->id);
    int lock = forwarding_lock();
    result = step("lock-network", lock < 0 ? lock : 0, fault, "cannot lock /run/tinyvm/network");
    if (result == 0)
        result = step("read-routes", veth_read_routes(&pool, last_gateway + 2, &routes), fault, "cannot read the host's routes");
    if (result == 0)
        result = step("pick-address", routes.address == 0 ? -EADDRNOTAVAIL : 0, fault,
                      "every address of --routed-pool is in use or overlaps one of the host's routes");
    if (result == 0) {
        *attachment = (struct attachment){.gateway = routes.address, .counters = -1};
        last_gateway = routes.address;
        result = lock_up(slot, rules, fault);
        if (result == 0)
            result = plug(slot, namespace_fd, &routes, fault);
        forwarding_unlock(&lock);
        if (result < 0)
            (void)take_away(slot);
    }
    forwarding_unlock(&lock);
    fd_close(&namespace_fd);
    if (result < 0)
        return result;
    attachment->attached = true;
    attached_count++;
    format_address(attachment->gateway + 1, "/31", answer->address);
    format_address(attachment->gateway, "", answer->gateway);
    answer->filter = attachment->filter;
    return 0;
}

static int end_attachment(uint32_t slot) {
    attachments[slot].attached = false;
    attached_count--;
    int result = take_away(slot);
    attachments[slot] = (struct attachment){.counters = -1};
    return result;
}

int network_detach(uint32_t slot, struct fault *fault) {
    if (!attachments[slot].attached)
        return 0;
    int result = end_attachment(slot);
    return result == 0 ? 0 : fault_set(fault, -result, "detach-network", "cannot remove all of the interface of %s", wall_at(slot)->id);
}

int network_set_rules(uint32_t slot, const struct rules *rules, struct fault *fault) {
    static struct routes routes;
    struct attachment *attachment = &attachments[slot];
    if (!attachment->attached)
        return fault_set(fault, ENOENT, "find-interface", "%s has no interface", wall_at(slot)->id);
    /* Whatever fails between the two locks, each of them holds the old list or the new one, never none. */
    int result = 0;
    if (attachment->filter) {
        int cgroup = unified_find(slot);
        result = cgroup < 0 ? fault_set(fault, -cgroup, "find-cgroup", "the cgroup of %s is gone", wall_at(slot)->id)
                            : filter_attach(cgroup, attachment->counters, rules, fault);
        fd_close(&cgroup);
    }
    if (result == 0)
        result = step("replace-rules", nat_replace(slot, rules), fault, "cannot replace the rules in nf_tables");
    int lock = result == 0 ? forwarding_lock() : -1;
    if (lock >= 0 && veth_read_routes(&pool, last_gateway + 2, &routes) == 0)
        (void)forwarding_allow(&routes); /* uplinks that came since the attachment */
    forwarding_unlock(&lock);
    return result;
}

void network_read(uint32_t slot, struct network_stats *stats) {
    const struct attachment *attachment = &attachments[slot];
    struct nat_counts packets = {0};
    struct filter_counts connects = {0};
    *stats = (struct network_stats){.attached = attachment->attached};
    if (!attachment->attached)
        return;
    if (nat_read(slot, &packets) < 0)
        packets = (struct nat_counts){0};
    if (attachment->counters >= 0 && filter_read(attachment->counters, &connects) < 0)
        connects = (struct filter_counts){0};
    stats->bytes_out = packets.bytes_out;
    stats->bytes_in = packets.bytes_in;
    stats->packets_dropped = packets.packets_dropped;
    stats->connects_allowed = connects.allowed;
    stats->connects_refused = connects.refused;
}

/* ---- ending ---- */

int network_clean(uint32_t slot) {
    struct attachment *attachment = &attachments[slot];
    if (!attachment->attached)
        return 0;
    /* The namespace ends with its last process, and takes both ends of the pair along; waiting for that is free. */
    if (attachment->ending == 0)
        attachment->ending = now_millis();
    if (veth_exists(slot) && now_millis() - attachment->ending < GONE_BY_ITSELF_MILLIS)
        return -EBUSY;
    return end_attachment(slot);
}

void network_close(void) {
    if (pool.prefix_length == 0)
        return;
    (void)nat_remove_table();
    int lock = forwarding_lock();
    if (lock >= 0)
        (void)forwarding_release();
    forwarding_unlock(&lock);
}

/* ---- taking over ---- */

enum { FOUND_LINK = 1, FOUND_COMPLETE = 2, FOUND_CHAINS = 4, FOUND_CGROUP = 8 };

static struct {
    uint8_t what[SLOTS];
    uint32_t address[SLOTS]; /* the Tiny VM's, as its chains name it */
} found;

static void note_link(uint32_t slot, bool complete, void *context) {
    (void)context;
    found.what[slot] |= (uint8_t)(FOUND_LINK | (complete ? FOUND_COMPLETE : 0));
}

static void note_chains(uint32_t slot, uint32_t address, void *context) {
    (void)context;
    found.what[slot] |= FOUND_CHAINS;
    found.address[slot] = address;
}

static void note_cgroup(uint32_t slot, void *context) {
    (void)context;
    if (slot < SLOTS)
        found.what[slot] |= FOUND_CGROUP;
}

static void adopt_slot(uint32_t slot) {
    struct attachment *attachment = &attachments[slot];
    const uint8_t whole = FOUND_LINK | FOUND_COMPLETE | FOUND_CHAINS;
    bool keep = (found.what[slot] & whole) == whole && wall_at(slot)->state == WALL_RUNNING &&
                veth_gateway(slot) + 1 == found.address[slot];
    int cgroup = unified_find(slot);
    *attachment = (struct attachment){.gateway = found.address[slot] - 1, .counters = cgroup < 0 ? -1 : filter_find(cgroup)};
    fd_close(&cgroup);
    attachment->counters = attachment->counters < 0 ? -1 : attachment->counters;
    attachment->filter = attachment->counters >= 0;
    if (keep) {
        attachment->attached = true;
        attached_count++;
    }
}

void network_adopt(void) {
    nl_forget(); /* those of the process that made this one: closed */
    memset(&found, 0, sizeof found);
    attached_count = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        attachments[slot] = (struct attachment){.counters = -1};
    if (veth_each(note_link, NULL) < 0 || nat_each_slot(note_chains, NULL) < 0)
        return;
    unified_each_slot(note_cgroup, NULL);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        /* On a v2 host a half-made attachment may have left a filter on the cgroup of any wall that runs. */
        if (found.what[slot] != 0 || (wall_at(slot)->state == WALL_RUNNING && can_filter))
            adopt_slot(slot);
    }
    bool swept = false;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (!attachments[slot].attached && (found.what[slot] != 0 || attachments[slot].counters >= 0)) {
            (void)take_away(slot);
            attachments[slot] = (struct attachment){.counters = -1};
            swept = true;
        }
    if (!swept && attached_count == 0)
        network_close(); /* a spawner that was killed between its last interface and the host's settings */
}
