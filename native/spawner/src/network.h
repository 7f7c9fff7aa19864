/*
 * Routed interfaces of walls that run: NETWORK_… of the protocol. The order is always the same: the rules and the filter are in
 * place before there is an interface, and the interface is gone before they are. docs/network.md, "How it is built".
 *
 * What is attached is known to the kernel alone (interfaces, chains, programs): a spawner that takes over reads it there.
 */
#ifndef SPAWNER_NETWORK_H
#define SPAWNER_NETWORK_H

#include "request.h"
#include "wall.h"

struct network_answer {
    char address[32], gateway[32];
    bool filter;
};

struct network_stats {
    bool attached;
    uint64_t bytes_out, bytes_in, connects_allowed, connects_refused, packets_dropped;
};

/* Before the host's mount tree is left. */
void network_open(const struct config *config);
size_t network_fds(int *out, size_t room);
/* Finds out what this host can do; cleans up after itself. */
void network_probe(uint32_t block);
/* Features for PING: at most two, `routed` or `routed-missing:…`, `connect-filter` or `connect-filter-missing:…`. */
const char *network_feature(int index);
/* After walls_adopt: keeps what is complete and belongs to a running wall, sweeps the rest. */
void network_adopt(void);

int network_attach(uint32_t slot, const struct rules *rules, struct network_answer *answer, struct fault *fault);
int network_detach(uint32_t slot, struct fault *fault);
int network_set_rules(uint32_t slot, const struct rules *rules, struct fault *fault);
void network_read(uint32_t slot, struct network_stats *stats);
/* The wall's processes are gone: 0 when nothing of its interface is left, -EBUSY to be asked again. */
int network_clean(uint32_t slot);
/* nf_tables has changed. Should somebody have taken the first lock away (`nft flush ruleset`), the interfaces go down at once,
 * and up again when the lock is there again; one whose list this process never had is unplugged. */
void network_changed(void);
/* The last act: what all interfaces shared. */
void network_close(void);

#endif
