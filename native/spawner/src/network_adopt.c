/* What a spawner that takes over finds in the kernel: see network.h. */
#include <string.h>

#include "cgroup_unified.h"
#include "filter.h"
#include "netlink.h"
#include "network_parts.h"
#include "veth.h"

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
    struct attachment *attachment = &network.attachments[slot];
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
        network.attached++;
    }
}

void network_adopt(void) {
    nl_forget(); /* those of the process that made this one: closed */
    memset(&found, 0, sizeof found);
    network.attached = 0;
    network_unwatch();
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        network.attachments[slot] = (struct attachment){.counters = -1};
    if (veth_each(note_link, NULL) < 0 || nat_each_slot(note_chains, NULL) < 0)
        return;
    unified_each_slot(note_cgroup, NULL);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        /* On a v2 host a half-made attachment may have left a filter on the cgroup of any wall that runs. */
        if (found.what[slot] != 0 || (wall_at(slot)->state == WALL_RUNNING && network.can_filter))
            adopt_slot(slot);
    }
    if (network.attached > 0)
        network_watch();
    bool swept = false;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (!network.attachments[slot].attached && (found.what[slot] != 0 || network.attachments[slot].counters >= 0)) {
            (void)network_take_away(slot);
            network.attachments[slot] = (struct attachment){.counters = -1};
            swept = true;
        }
    if (!swept && network.attached == 0)
        network_close(); /* a spawner that was killed between its last interface and the host's settings */
}
