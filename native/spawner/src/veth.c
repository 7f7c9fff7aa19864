/* See veth.h. */
#include "veth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claim.h"
#include "nat.h"
#include "netlink.h"

#define ADDR_GEN_MODE_NONE 1 /* IN6_ADDR_GEN_MODE_NONE: no link-local address */
#define COMPLETE "tinyvm" /* ifalias of an interface whose attachment was finished */

enum { REQUEST_BYTES = 1024, POOL_PAIRS = 1U << (31 - POOL_PREFIX_MIN), TABLES_CHANGED_TRIES = 8 };

static uint32_t own_block;

void veth_init(uint32_t block) {
    own_block = block;
}

void veth_name(uint32_t slot, char out[IFNAMSIZ]) {
    snprintf(out, IFNAMSIZ, VETH_PREFIX "%us%u", own_block, slot);
}

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

/* ---- one request ---- */

static int send_request(struct nl_buffer *buffer) {
    int fd = nl_socket(NETLINK_ROUTE);
    int result = fd < 0 ? fd : nl_transact(fd, buffer, buffer->sequence);
    return result;
}

static int dump(uint16_t type, const void *header, size_t length, void (*visit)(const struct nlmsghdr *message, void *context), void *context) {
    uint8_t bytes[128];
    struct nl_buffer buffer;
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, type, NLM_F_DUMP, header, length);
    nl_end(&buffer);
    int fd = nl_socket(NETLINK_ROUTE);
    int result = fd < 0 ? fd : nl_dump(fd, &buffer, visit, context);
    return result;
}

/* ---- reading the tables ---- */

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

int veth_read_routes(const struct pool *pool, uint32_t from, struct routes *routes) {
    static uint8_t taken[POOL_PAIRS / 8];
    struct reading reading = {.pool = pool, .routes = routes, .taken = taken};
    struct rtmsg all_routes = {.rtm_family = AF_INET};
    struct ifinfomsg all_links = {.ifi_family = AF_UNSPEC};
    uint32_t pairs = (~prefix_mask(pool->prefix_length) >> 1) + 1;
    int result = -EINTR;
    for (int i = 0; i < TABLES_CHANGED_TRIES && result == -EINTR; i++) {
        memset(taken, 0, pairs / 8 + 1 < sizeof taken ? pairs / 8 + 1 : sizeof taken);
        memset(routes, 0, sizeof *routes);
        result = dump(RTM_GETROUTE, &all_routes, sizeof all_routes, visit_route, &reading);
        if (result == 0)
            result = dump(RTM_GETLINK, &all_links, sizeof all_links, visit_uplink, &reading);
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

/* ---- making ---- */

/* An MTU below IPv4's least is refused with EINVAL by the driver itself, once the kernel has found the driver. */
int veth_probe(void) {
    uint8_t bytes[REQUEST_BYTES];
    struct nl_buffer buffer;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &link, sizeof link);
    nl_put_u32(&buffer, IFLA_MTU, 1);
    size_t info = nl_nest(&buffer, IFLA_LINKINFO);
    nl_put_string(&buffer, IFLA_INFO_KIND, "veth");
    nl_nest_end(&buffer, info);
    nl_end(&buffer);
    int result = send_request(&buffer);
    return result == -EINVAL ? 0 : result < 0 ? result : -EPROTO;
}

int veth_make(uint32_t slot, int namespace_fd, uint32_t mtu) {
    uint8_t bytes[REQUEST_BYTES];
    struct nl_buffer buffer;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    char name[IFNAMSIZ];
    veth_name(slot, name);
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &link, sizeof link);
    nl_put_string(&buffer, IFLA_IFNAME, name);
    if (mtu != 0)
        nl_put_u32(&buffer, IFLA_MTU, mtu);
    size_t info = nl_nest(&buffer, IFLA_LINKINFO);
    nl_put_string(&buffer, IFLA_INFO_KIND, "veth");
    size_t data = nl_nest(&buffer, IFLA_INFO_DATA);
    size_t peer = nl_nest(&buffer, VETH_INFO_PEER);
    nl_put_raw(&buffer, &link, sizeof link);
    nl_put_string(&buffer, IFLA_IFNAME, INSIDE_NAME);
    nl_put_u32(&buffer, IFLA_NET_NS_FD, (uint32_t)namespace_fd);
    if (mtu != 0)
        nl_put_u32(&buffer, IFLA_MTU, mtu);
    nl_nest_end(&buffer, peer);
    nl_nest_end(&buffer, data);
    nl_nest_end(&buffer, info);
    nl_end(&buffer);
    return send_request(&buffer);
}

static int set_sysctl(const char *family, const char *name, const char *key, const char *value) {
    char path[128];
    int result = format_path(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, name, key);
    return result < 0 ? result : write_file(path, value);
}

static int add_address(unsigned index, uint32_t address) {
    uint8_t bytes[REQUEST_BYTES];
    struct nl_buffer buffer;
    struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 31, .ifa_scope = RT_SCOPE_UNIVERSE, .ifa_index = index};
    uint32_t value = htonl(address);
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
    nl_put(&buffer, IFA_LOCAL, &value, sizeof value);
    nl_put(&buffer, IFA_ADDRESS, &value, sizeof value);
    nl_end(&buffer);
    return send_request(&buffer);
}

int veth_prepare(uint32_t slot, uint32_t gateway) {
    static const char *const settings[][2] = {{"forwarding", "1"}, {"accept_redirects", "0"}, {"send_redirects", "0"}, {"arp_ignore", "1"}};
    char name[IFNAMSIZ];
    veth_name(slot, name);
    unsigned index = if_nametoindex(name);
    if (index == 0)
        return -errno;
    int result = set_sysctl("ipv6", name, "disable_ipv6", "1");
    result = result == -ENOENT ? 0 : result; /* a kernel without IPv6 */
    for (size_t i = 0; result == 0 && i < sizeof settings / sizeof *settings; i++)
        result = set_sysctl("ipv4", name, settings[i][0], settings[i][1]);
    return result == 0 ? add_address(index, gateway) : result;
}

static int set_link(unsigned index, bool up, const char *alias) {
    uint8_t bytes[REQUEST_BYTES];
    struct nl_buffer buffer;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP};
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, RTM_NEWLINK, NLM_F_ACK, &link, sizeof link);
    if (alias != NULL)
        nl_put(&buffer, IFLA_IFALIAS, alias, strlen(alias));
    nl_end(&buffer);
    return send_request(&buffer);
}

/* No link-local address: while the interface goes up, none is made. Kernels without IPv6 need nothing. */
static int refuse_ipv6(unsigned index) {
    uint8_t bytes[REQUEST_BYTES];
    struct nl_buffer buffer;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, RTM_SETLINK, NLM_F_ACK, &link, sizeof link);
    size_t families = nl_nest(&buffer, IFLA_AF_SPEC);
    size_t inet6 = nl_nest(&buffer, AF_INET6);
    nl_put_u8(&buffer, IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE);
    nl_nest_end(&buffer, inet6);
    nl_nest_end(&buffer, families);
    nl_end(&buffer);
    int result = send_request(&buffer);
    return result == -EAFNOSUPPORT || result == -EOPNOTSUPP ? 0 : result;
}

int veth_configure_inside(uint32_t address, uint32_t gateway) {
    uint8_t bytes[REQUEST_BYTES];
    struct nl_buffer buffer;
    struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE,
                          .rtm_type = RTN_UNICAST};
    uint32_t value = htonl(gateway);
    unsigned index = if_nametoindex(INSIDE_NAME);
    if (index == 0)
        return -errno;
    int result = refuse_ipv6(index);
    if (result == 0)
        result = add_address(index, address);
    if (result == 0)
        result = set_link(index, true, NULL);
    if (result < 0)
        return result;
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &route, sizeof route);
    nl_put(&buffer, RTA_GATEWAY, &value, sizeof value);
    nl_put_u32(&buffer, RTA_OIF, index);
    nl_end(&buffer);
    return send_request(&buffer);
}

static unsigned index_of(uint32_t slot) {
    char name[IFNAMSIZ];
    veth_name(slot, name);
    return if_nametoindex(name);
}

int veth_raise(uint32_t slot) {
    unsigned index = index_of(slot);
    return index == 0 ? -errno : set_link(index, true, COMPLETE);
}

int veth_lower(uint32_t slot) {
    unsigned index = index_of(slot);
    return index == 0 ? -errno : set_link(index, false, NULL);
}

bool veth_exists(uint32_t slot) {
    return index_of(slot) != 0;
}

int veth_remove(uint32_t slot) {
    uint8_t bytes[REQUEST_BYTES];
    struct nl_buffer buffer;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index_of(slot)};
    if (link.ifi_index == 0)
        return 0;
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, RTM_DELLINK, NLM_F_ACK, &link, sizeof link);
    nl_end(&buffer);
    int result = send_request(&buffer);
    return result == -ENODEV ? 0 : result;
}

/* ---- finding ---- */

struct finding {
    void (*visit)(uint32_t slot, bool complete, void *context);
    void *context;
    bool any;
};

static void visit_link(const struct nlmsghdr *message, void *context) {
    struct finding *finding = context;
    size_t size = 0, alias_size = 0;
    unsigned block = 0, slot = 0;
    char more = 0;
    if (message->nlmsg_type != RTM_NEWLINK)
        return;
    const char *name = nl_attribute(message, sizeof(struct ifinfomsg), IFLA_IFNAME, 1, &size);
    const char *alias = nl_attribute(message, sizeof(struct ifinfomsg), IFLA_IFALIAS, 1, &alias_size);
    if (name == NULL || memchr(name, 0, size) == NULL || sscanf(name, VETH_PREFIX "%us%u%c", &block, &slot, &more) != 2)
        return;
    finding->any = true;
    if (finding->visit != NULL && block == own_block && slot < SLOTS)
        finding->visit(slot, alias != NULL && alias_size >= strlen(COMPLETE) && memcmp(alias, COMPLETE, strlen(COMPLETE)) == 0,
                       finding->context);
}

static int find_links(struct finding *finding) {
    struct ifinfomsg all = {.ifi_family = AF_UNSPEC};
    return dump(RTM_GETLINK, &all, sizeof all, visit_link, finding);
}

int veth_each(void (*visit)(uint32_t slot, bool complete, void *context), void *context) {
    struct finding finding = {.visit = visit, .context = context};
    int result = find_links(&finding);
    return result == -EINTR ? 0 : result;
}

int veth_any(bool *any) {
    struct finding finding = {0};
    int result = find_links(&finding);
    *any = finding.any;
    return result == -EINTR ? 0 : result;
}

struct addressed {
    unsigned index;
    uint32_t address;
};

static void visit_address(const struct nlmsghdr *message, void *context) {
    struct addressed *addressed = context;
    struct ifaddrmsg header;
    if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof header))
        return;
    memcpy(&header, NLMSG_DATA(message), sizeof header);
    const void *local = nl_attribute(message, sizeof header, IFA_LOCAL, 4, NULL);
    if (header.ifa_index != addressed->index || local == NULL)
        return;
    memcpy(&addressed->address, local, 4);
}

uint32_t veth_gateway(uint32_t slot) {
    struct ifaddrmsg all = {.ifa_family = AF_INET};
    struct addressed addressed = {.index = index_of(slot)};
    if (addressed.index == 0 || dump(RTM_GETADDR, &all, sizeof all, visit_address, &addressed) < 0)
        return 0;
    return ntohl(addressed.address);
}
