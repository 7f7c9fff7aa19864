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

enum { REQUEST_BYTES = 1024 };

static uint32_t own_block;

void veth_init(uint32_t block) {
    own_block = block;
}

void veth_name(uint32_t slot, char out[IFNAMSIZ]) {
    snprintf(out, IFNAMSIZ, VETH_PREFIX "%us%u", own_block, slot);
}

/* ---- one request ---- */

static int send_request(struct nl_buffer *buffer) {
    int fd = nl_socket(NETLINK_ROUTE);
    int result = fd < 0 ? fd : nl_transact(fd, buffer, buffer->sequence);
    return result;
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
    static const char *const settings[][2] = {{"forwarding", "1"}, {"accept_redirects", "0"}, {"send_redirects", "0"}, {"arp_ignore", "1"},
                                              {"accept_source_route", "0"}};
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
    return nl_dump_all(RTM_GETLINK, &all, sizeof all, visit_link, finding);
}

int veth_each(void (*visit)(uint32_t slot, bool complete, void *context), void *context) {
    struct finding finding = {.visit = visit, .context = context};
    return find_links(&finding);
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
    if (addressed.index == 0 || nl_dump_all(RTM_GETADDR, &all, sizeof all, visit_address, &addressed) < 0)
        return 0;
    return ntohl(addressed.address);
}
