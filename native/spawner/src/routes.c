/* See routes.h. */
#include "routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nat.h"
#include "netlink.h"

enum { POOL_PAIRS = 1U << (31 - POOL_PREFIX_MIN), TABLES_CHANGED_TRIES = 8 };

int pool_parse(const char *text, struct pool *pool) {
    char copy[32], *end = NULL;
    struct in_addr address;
    snprintf(copy, sizeof copy, "%s", text);
    char *slash = strchr(copy, '/');
    if (slash == NULL || strlen(text) >= sizeof copy || slash[1] < '0' || slash[1] > '9')
        return -EINVAL;
    *slash = 0;
    unsigned long length = strtoul(slash + 1, &end, 10);
    if (inet_pton(AF_INET, copy, &address) != 1 || *end != 0 || length < POOL_PREFIX_MIN || length > POOL_PREFIX_MAX)
        return -EINVAL;
    pool->prefix_length = (uint8_t)length;
    pool->address = ntohl(address.s_addr);
    return (pool->address & ~prefix_mask(pool->prefix_length)) == 0 ? 0 : -EINVAL;
}

struct reading {
    const struct pool *pool;
    struct routes *routes;
    uint8_t *taken; /* a bit per pair of addresses */
    bool is_default[MAX_UPLINKS];
};

static void take_pairs(struct reading *reading, uint32_t address, uint8_t length) {
    const struct pool *pool = reading->pool;
    uint32_t mask = prefix_mask(length), pool_mask = prefix_mask(pool->prefix_length);
    uint32_t last_pair = ~pool_mask >> 1;
    uint32_t first = 0, last = last_pair;
    if (length >= pool->prefix_length) {
        if ((address & pool_mask) != pool->address)
            return;
        first = (address & mask & ~pool_mask) >> 1;
        last = ((address | ~mask) & ~pool_mask) >> 1;
    } else if ((pool->address & mask) != (address & mask))
        return;
    for (uint32_t pair = first; pair <= last; pair++)
        reading->taken[pair / 8] |= (uint8_t)(1U << pair % 8);
}

static void note_uplink(struct reading *reading, uint32_t index, bool is_default) {
    struct routes *routes = reading->routes;
    uint32_t i = 0;
    while (i < routes->uplink_count && routes->uplinks[i].index != index)
        i++;
    if (i == MAX_UPLINKS)
        return;
    if (i == routes->uplink_count) {
        routes->uplinks[i].index = index;
        routes->uplinks[i].name[0] = 0;
        routes->uplink_count++;
        reading->is_default[i] = false;
    }
    reading->is_default[i] |= is_default;
}

static void visit_route(const struct nlmsghdr *message, void *context) {
    struct reading *reading = context;
    struct rtmsg route;
    uint32_t destination = 0, index = 0;
    if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof route))
        return;
    memcpy(&route, NLMSG_DATA(message), sizeof route);
    if (route.rtm_family != AF_INET || route.rtm_dst_len > 32)
        return;
    const void *found = nl_attribute(message, sizeof route, RTA_DST, 4, NULL);
    if (found != NULL)
        memcpy(&destination, found, 4);
    if (route.rtm_dst_len > 0)
        take_pairs(reading, ntohl(destination), route.rtm_dst_len);
    found = nl_attribute(message, sizeof route, RTA_OIF, 4, NULL);
    if (found != NULL && route.rtm_type == RTN_UNICAST) {
        memcpy(&index, found, 4);
        note_uplink(reading, index, route.rtm_dst_len == 0);
        return;
    }
    size_t size = 0;
    const uint8_t *hop = nl_attribute(message, sizeof route, RTA_MULTIPATH, sizeof(struct rtnexthop), &size);
    while (hop != NULL && size >= sizeof(struct rtnexthop)) {
        struct rtnexthop next;
        memcpy(&next, hop, sizeof next);
        note_uplink(reading, (uint32_t)next.rtnh_ifindex, route.rtm_dst_len == 0);
        size_t step = RTNH_ALIGN(next.rtnh_len);
        if (step < sizeof next || step > size)
            break;
        hop += step;
        size -= step;
    }
}

static void visit_uplink(const struct nlmsghdr *message, void *context) {
    struct reading *reading = context;
    struct ifinfomsg link;
    size_t size = 0;
    if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof link))
        return;
    memcpy(&link, NLMSG_DATA(message), sizeof link);
    const char *name = nl_attribute(message, sizeof link, IFLA_IFNAME, 1, &size);
    const void *mtu = nl_attribute(message, sizeof link, IFLA_MTU, 4, NULL);
    if (name == NULL || memchr(name, 0, size) == NULL || size > IFNAMSIZ)
        return;
    for (uint32_t i = 0; i < reading->routes->uplink_count; i++) {
        uint32_t value = 0;
        if (reading->routes->uplinks[i].index != (unsigned)link.ifi_index || (link.ifi_flags & IFF_LOOPBACK) != 0 ||
            strncmp(name, VETH_PREFIX, strlen(VETH_PREFIX)) == 0)
            continue;
        memcpy(reading->routes->uplinks[i].name, name, size);
        if (mtu != NULL)
            memcpy(&value, mtu, 4);
        if (reading->is_default[i] && value >= 1280 && (reading->routes->mtu == 0 || value < reading->routes->mtu))
            reading->routes->mtu = value;
    }
}

int routes_read(const struct pool *pool, uint32_t from, struct routes *routes) {
    static uint8_t taken[POOL_PAIRS / 8];
    struct reading reading = {.pool = pool, .routes = routes, .taken = taken};
    struct rtmsg all_routes = {.rtm_family = AF_INET};
    struct ifinfomsg all_links = {.ifi_family = AF_UNSPEC};
    uint32_t pairs = (~prefix_mask(pool->prefix_length) >> 1) + 1;
    int result = -EINTR;
    for (int i = 0; i < TABLES_CHANGED_TRIES && result == -EINTR; i++) {
        memset(taken, 0, pairs / 8 + 1 < sizeof taken ? pairs / 8 + 1 : sizeof taken);
        memset(routes, 0, sizeof *routes);
        result = nl_dump_all(RTM_GETROUTE, &all_routes, sizeof all_routes, visit_route, &reading);
        if (result == 0)
            result = nl_dump_all(RTM_GETLINK, &all_links, sizeof all_links, visit_uplink, &reading);
    }
    if (result < 0)
        return result;
    uint32_t first = (from & ~prefix_mask(pool->prefix_length)) >> 1;
    for (uint32_t i = 0; i < pairs && routes->address == 0; i++) {
        uint32_t pair = (first + i) % pairs;
        /* Never the range's first and last address: in another's eyes they are its network and its broadcast. */
        if (pair != 0 && pair != pairs - 1 && (taken[pair / 8] >> pair % 8 & 1) == 0)
            routes->address = pool->address + 2 * pair;
    }
    return 0;
}
