/* See network.h. */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cgroup_unified.h"
#include "filter.h"
#include "forwarding.h"
#include "netlink.h"
#include "network_parts.h"

enum { GONE_BY_ITSELF_MILLIS = 1000 };

struct network network;

static uint32_t last_gateway;
static int watched = -1; /* tells changes of nf_tables; open from the first attachment on */

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
    return await_inside(pid);
}

/* Everything that is closed, before the interface exists. */
static int lock_up(uint32_t slot, const struct rules *rules, struct fault *fault) {
    struct attachment *attachment = &network.attachments[slot];
    int result = step("make-rules", nat_add(slot, attachment->gateway + 1, rules, network.attached == 0), fault,
                      "cannot make the rules in nf_tables");
    attachment->filter = network.can_filter && !test_fails("skip-filter");
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
    uint32_t gateway = network.attachments[slot].gateway;
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

int network_take_away(uint32_t slot) {
    struct attachment *attachment = &network.attachments[slot];
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
    if (network.attached == 0) {
        result = nat_remove_table();
        first = first == 0 ? result : first;
    }
    int lock = forwarding_lock();
    result = lock < 0 ? lock : forwarding_release();
    forwarding_unlock(&lock);
    return first == 0 ? result : first;
}

/* Without memory for it, nothing is kept. */
static void keep_rules(uint32_t slot, const struct rules *rules) {
    size_t bytes = offsetof(struct rules, items) + rules->count * sizeof rules->items[0];
    free(network.attachments[slot].rules);
    network.attachments[slot].rules = malloc(bytes);
    if (network.attachments[slot].rules != NULL)
        memcpy(network.attachments[slot].rules, rules, bytes);
}

struct attachment *network_reset(uint32_t slot) {
    if (slot >= network.end)
        network.end = slot + 1;
    free(network.attachments[slot].rules);
    network.attachments[slot] = (struct attachment){.counters = -1};
    return &network.attachments[slot];
}

void network_watch(void) {
    if (watched >= 0)
        return;
    watched = nat_watch();
    if (watched >= 0)
        server_watch(WATCH_NETWORK, 0, watched, EPOLLIN);
}

void network_unwatch(void) {
    watched = -1;
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
    if (!network.can_route)
        return fault_set(fault, ENOSYS, "probe-network", "%.180s", network_feature(0) + strlen("routed-missing:"));
    return 0;
}

int network_attach(uint32_t slot, const struct rules *rules, struct network_answer *answer, struct fault *fault) {
    static struct routes routes;
    struct attachment *attachment = &network.attachments[slot];
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
        result = step("read-routes", routes_read(&network.pool, last_gateway + 2, &routes), fault, "cannot read the host's routes");
    if (result == 0)
        result = step("pick-address", routes.address == 0 ? -EADDRNOTAVAIL : 0, fault,
                      "every address of --routed-pool is in use or overlaps one of the host's routes");
    if (result == 0) {
        network_watch(); /* before there is anything to be taken away */
        (void)network_reset(slot);
        attachment->gateway = routes.address;
        last_gateway = routes.address;
        result = lock_up(slot, rules, fault);
        if (result == 0)
            result = plug(slot, namespace_fd, &routes, fault);
        forwarding_unlock(&lock);
        if (result < 0)
            (void)network_take_away(slot);
    }
    forwarding_unlock(&lock);
    fd_close(&namespace_fd);
    if (result < 0)
        return result;
    attachment->attached = true;
    network.attached++;
    keep_rules(slot, rules);
    format_address(attachment->gateway + 1, "/31", answer->address);
    format_address(attachment->gateway, "", answer->gateway);
    answer->filter = attachment->filter;
    return 0;
}

static int end_attachment(uint32_t slot) {
    network.attachments[slot].attached = false;
    network.attached--;
    int result = network_take_away(slot);
    (void)network_reset(slot);
    return result;
}

int network_detach(uint32_t slot, struct fault *fault) {
    if (!network.attachments[slot].attached)
        return 0;
    int result = end_attachment(slot);
    return result == 0 ? 0 : fault_set(fault, -result, "detach-network", "cannot remove all of the interface of %s", wall_at(slot)->id);
}

int network_set_rules(uint32_t slot, const struct rules *rules, struct fault *fault) {
    static struct routes routes;
    struct attachment *attachment = &network.attachments[slot];
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
    if (result == 0)
        keep_rules(slot, rules);
    int lock = result == 0 ? forwarding_lock() : -1;
    if (lock >= 0 && routes_read(&network.pool, last_gateway + 2, &routes) == 0)
        (void)forwarding_allow(&routes); /* uplinks that came since the attachment */
    forwarding_unlock(&lock);
    return result;
}

void network_read(uint32_t slot, struct network_stats *stats) {
    struct attachment *attachment = &network.attachments[slot];
    struct nat_counts packets = {0};
    struct filter_counts connects = {0};
    *stats = (struct network_stats){.attached = attachment->attached};
    if (!attachment->attached)
        return;
    if (nat_read(slot, &packets) < 0)
        packets = attachment->last;
    if (attachment->counters >= 0 && filter_read(attachment->counters, &connects) < 0)
        connects = (struct filter_counts){0};
    stats->bytes_out = attachment->before.bytes_out + packets.bytes_out;
    stats->bytes_in = attachment->before.bytes_in + packets.bytes_in;
    stats->packets_dropped = attachment->before.packets_dropped + packets.packets_dropped;
    attachment->last = packets;
    stats->connects_allowed = connects.allowed;
    stats->connects_refused = connects.refused;
}

/* ---- ending ---- */

int network_clean(uint32_t slot) {
    struct attachment *attachment = &network.attachments[slot];
    if (!attachment->attached)
        return 0;
    /* The namespace ends with its last process, and takes both ends of the pair along; waiting for that is free. */
    if (attachment->ending == 0)
        attachment->ending = now_millis();
    if (veth_exists(slot) && now_millis() - attachment->ending < GONE_BY_ITSELF_MILLIS)
        return -EBUSY;
    return end_attachment(slot);
}

static void rebuild(uint32_t slot, bool fresh) {
    struct attachment *attachment = &network.attachments[slot];
    int result = attachment->rules == NULL ? -ENOENT : nat_add(slot, attachment->gateway + 1, attachment->rules, fresh);
    if (result < 0) {
        (void)end_attachment(slot);
        return;
    }
    attachment->before.bytes_out += attachment->last.bytes_out;
    attachment->before.bytes_in += attachment->last.bytes_in;
    attachment->before.packets_dropped += attachment->last.packets_dropped;
    attachment->last = (struct nat_counts){0};
    (void)veth_raise(slot);
}

static void count_chains(uint32_t slot, uint32_t address, void *context) {
    (void)address;
    *(uint32_t *)context += network.attachments[slot].attached;
}

static bool all_have_chains(void) {
    uint32_t count = 0;
    return nat_each_slot(count_chains, &count) == 0 && count == network.attached;
}

void network_changed(void) {
    struct nat_counts counts;
    int tampered = watched < 0 ? 0 : nat_tampered(watched);
    if (network.attached == 0 || tampered == 0 || (tampered < 0 && all_have_chains()))
        return;
    for (uint32_t slot = 1; slot < network.end; slot++)
        if (network.attachments[slot].attached) {
            (void)veth_lower(slot);
            if (nat_read(slot, &counts) == 0) /* of a table that is emptied, but there */
                network.attachments[slot].last = counts;
        }
    bool fresh = true;
    for (uint32_t slot = 1; slot < network.end; slot++)
        if (network.attachments[slot].attached) {
            rebuild(slot, fresh);
            fresh = fresh && !network.attachments[slot].attached;
        }
    int lock = forwarding_lock();
    if (lock >= 0)
        (void)forwarding_repair();
    forwarding_unlock(&lock);
}

void network_close(void) {
    if (network.pool.prefix_length == 0)
        return;
    (void)nat_remove_table();
    int lock = forwarding_lock();
    if (lock >= 0)
        (void)forwarding_release();
    forwarding_unlock(&lock);
}
