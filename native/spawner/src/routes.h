/* The addresses of routed interfaces, and what the host's routing tables say about them and about its uplinks. */
#ifndef SPAWNER_ROUTES_H
#define SPAWNER_ROUTES_H

#include <stdint.h>

/* Out of 100.64.0.0/10, which no network of others' routes (RFC 6598). */
#define ROUTED_POOL_DEFAULT "100.118.0.0/16"

enum { INTERFACE_BYTES = 16, /* IFNAMSIZ */ MAX_UPLINKS = 64, POOL_PREFIX_MIN = 12, POOL_PREFIX_MAX = 30 };

struct pool {
    uint32_t address; /* host order, without the bits beyond the prefix */
    uint8_t prefix_length;
};

/* "a.b.c.d/n" */
int pool_parse(const char *text, struct pool *pool);

/* What the host's routing tables say. */
struct routes {
    uint32_t address; /* a free gateway's address out of the pool; 0: none is free */
    struct { unsigned index; char name[INTERFACE_BYTES]; } uplinks[MAX_UPLINKS]; /* interfaces with IPv4 routes, without lo and veths of TinyVM's */
    uint32_t uplink_count;
    uint32_t mtu; /* the least of the default routes' interfaces; 0: there is none */
};

/* Reads the tables; `from` is the first address that is tried. */
int routes_read(const struct pool *pool, uint32_t from, struct routes *routes);

#endif
