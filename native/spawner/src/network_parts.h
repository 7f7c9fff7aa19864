/* What network.c, network_probe.c and network_adopt.c share. One owner: the spawner's event loop. */
#ifndef SPAWNER_NETWORK_PARTS_H
#define SPAWNER_NETWORK_PARTS_H

#include "nat.h"
#include "network.h"

struct attachment {
    bool attached;
    bool filter;
    uint32_t gateway; /* the Tiny VM's address is the next one */
    int counters;     /* of the filter, -1: none */
    int64_t ending;   /* when it was first found that the wall is gone, 0: not yet */
    struct nat_counts last;   /* as they were read last */
    struct nat_counts before; /* counted before the first lock was made anew */
    struct rules *rules;      /* to make it anew; NULL: an earlier spawner was given them. Holds `count` items, not more */
};

struct network {
    struct attachment attachments[SLOTS]; /* untouched, and so no memory, beyond `end` */
    uint32_t end;                         /* one past the highest slot that ever had one */
    uint32_t attached;
    struct pool pool;
    bool can_route, can_filter;
};

extern struct network network;

/* A clean attachment of this slot. */
struct attachment *network_reset(uint32_t slot);
/* Takes away whatever a slot has, the interface first. Goes on after a failure; 0 or the first one. */
int network_take_away(uint32_t slot);
/* Begins to listen to changes of nf_tables; before there is anything that could be taken away. */
void network_watch(void);
/* In a new spawner: what was watched was another's. */
void network_unwatch(void);

#endif
