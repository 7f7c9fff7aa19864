/* What a spawner that takes over finds in the kernel: see network.h. */
#include <errno.h>
#include <string.h>

#include "cgroup_unified.h"
#include "filter.h"
#include "netlink.h"
#include "network_parts.h"
#include "veth.h"

enum { TABLES_CHANGED_TRIES = 8 };
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

static bool is_whole(uint32_t slot) {
    const uint8_t whole = FOUND_LINK | FOUND_COMPLETE | FOUND_CHAINS;
    return (found.what[slot] & whole) == whole && wall_at(slot)->state == WALL_RUNNING && veth_gateway(slot) + 1 == found.address[slot];
}

static void adopt_slot(uint32_t slot) {
    struct attachment *attachment = network_reset(slot);
    int cgroup = unified_find(slot);
    int counters = cgroup < 0 ? cgroup : filter_find(cgroup);
    fd_close(&cgroup);
    attachment->gateway = found.address[slot] - 1;
    attachment->counters = counters < 0 ? -1 : counters;
    attachment->filter = counters >= 0;
    attachment->attached = true;
    network.attached++;
    found.what[slot] = 0;
}

static void sweep_slot(uint32_t slot) {
    network_reset(slot)->gateway = found.address[slot] - 1;
    (void)network_take_away(slot);
    (void)network_reset(slot);
}

void network_adopt(void) {
    int result = -EINTR;
    nl_forget(); /* those of the process that made this one: closed */
    network_unwatch();
    memset(&found.what, 0, sizeof found.what);
    for (uint32_t slot = 0; slot < network.end; slot++)
        network.attachments[slot] = (struct attachment){.counters = -1}; /* what it holds was another process's */
    network.attached = network.end = 0;
    for (int i = 0; i < TABLES_CHANGED_TRIES && result == -EINTR; i++)
        result = veth_each(note_link, NULL);
    if (result < 0 || nat_each_slot(note_chains, NULL) < 0)
        return; /* not a kernel that has any */
    unified_each_slot(note_cgroup, NULL);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (is_whole(slot))
            adopt_slot(slot);
    if (network.attached > 0)
        network_watch();
    /* Only now: sweeping the last one takes the table along. */
    bool swept = false;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (found.what[slot] != 0) {
            sweep_slot(slot);
            swept = true;
        }
    if (!swept && network.attached == 0)
        network_close(); /* a spawner that was killed between its last interface and the host's settings */
}
