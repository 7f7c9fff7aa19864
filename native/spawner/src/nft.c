/* See nft.h. Attribute values are big endian; register 1 is the only one in use. */
#include "nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "sys.h"

enum { DATA_VERDICT_TYPE = (int)0xffffff00, WATCH_BYTES = 65536, WATCH_READS = 64, WATCH_BUFFER_BYTES = 4 << 20 };

static void begin(struct nft *nft, int type, uint16_t flags) {
    struct nfgenmsg header = {.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0};
    nl_begin(&nft->buffer, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof header);
}

static void batch_edge(struct nft *nft, uint16_t type) {
    struct nfgenmsg header = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    nl_begin(&nft->buffer, type, 0, &header, sizeof header);
    nl_end(&nft->buffer);
}

void nft_begin(struct nft *nft, void *bytes, size_t room, const char *table) {
    nl_init(&nft->buffer, bytes, room);
    nft->table = table;
    batch_edge(nft, NFNL_MSG_BATCH_BEGIN);
}

int nft_commit(struct nft *nft) {
    /* The last message asks for the acknowledgement, which the kernel sends once all is committed. */
    uint16_t flags = 0;
    size_t at = nft->buffer.message + offsetof(struct nlmsghdr, nlmsg_flags);
    uint32_t last = nft->buffer.sequence;
    if (nft->buffer.error != 0)
        return nft->buffer.error;
    memcpy(&flags, nft->buffer.bytes + at, sizeof flags);
    flags |= NLM_F_ACK;
    memcpy(nft->buffer.bytes + at, &flags, sizeof flags);
    batch_edge(nft, NFNL_MSG_BATCH_END);
    int fd = nl_socket(NETLINK_NETFILTER);
    int result = fd < 0 ? fd : nl_transact(fd, &nft->buffer, last);
    return result;
}

void nft_add_table(struct nft *nft) {
    begin(nft, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    nl_put_string(&nft->buffer, NFTA_TABLE_NAME, nft->table);
    nl_end(&nft->buffer);
}

void nft_delete_table(struct nft *nft) {
    begin(nft, NFT_MSG_DELTABLE, 0);
    nl_put_string(&nft->buffer, NFTA_TABLE_NAME, nft->table);
    nl_end(&nft->buffer);
}

void nft_add_chain(struct nft *nft, const char *chain, const char *type, int hook, int priority) {
    begin(nft, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
    nl_put_string(&nft->buffer, NFTA_CHAIN_TABLE, nft->table);
    nl_put_string(&nft->buffer, NFTA_CHAIN_NAME, chain);
    if (hook >= 0) {
        size_t nest = nl_nest(&nft->buffer, NFTA_CHAIN_HOOK);
        nl_put_be32(&nft->buffer, NFTA_HOOK_HOOKNUM, (uint32_t)hook);
        nl_put_be32(&nft->buffer, NFTA_HOOK_PRIORITY, (uint32_t)priority);
        nl_nest_end(&nft->buffer, nest);
        nl_put_string(&nft->buffer, NFTA_CHAIN_TYPE, type);
    }
    nl_end(&nft->buffer);
}

void nft_delete_chain(struct nft *nft, const char *chain) {
    begin(nft, NFT_MSG_DELCHAIN, 0);
    nl_put_string(&nft->buffer, NFTA_CHAIN_TABLE, nft->table);
    nl_put_string(&nft->buffer, NFTA_CHAIN_NAME, chain);
    nl_end(&nft->buffer);
}

void nft_add_set(struct nft *nft, const char *set, uint32_t key_bytes, bool verdicts) {
    begin(nft, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
    nl_put_string(&nft->buffer, NFTA_SET_TABLE, nft->table);
    nl_put_string(&nft->buffer, NFTA_SET_NAME, set);
    nl_put_be32(&nft->buffer, NFTA_SET_ID, nft->buffer.sequence);
    nl_put_be32(&nft->buffer, NFTA_SET_FLAGS, verdicts ? NFT_SET_MAP : 0);
    nl_put_be32(&nft->buffer, NFTA_SET_KEY_TYPE, key_bytes == 4 ? 7 : 41); /* nft(8)'s ipv4_addr and ifname, for listings */
    nl_put_be32(&nft->buffer, NFTA_SET_KEY_LEN, key_bytes);
    if (verdicts)
        nl_put_be32(&nft->buffer, NFTA_SET_DATA_TYPE, (uint32_t)DATA_VERDICT_TYPE);
    nl_end(&nft->buffer);
}

static void put_data(struct nft *nft, uint16_t attribute, const void *bytes, size_t length) {
    size_t nest = nl_nest(&nft->buffer, attribute);
    nl_put(&nft->buffer, NFTA_DATA_VALUE, bytes, length);
    nl_nest_end(&nft->buffer, nest);
}

static void put_verdict(struct nft *nft, uint16_t attribute, int code, const char *chain) {
    size_t data = nl_nest(&nft->buffer, attribute);
    size_t verdict = nl_nest(&nft->buffer, NFTA_DATA_VERDICT);
    nl_put_be32(&nft->buffer, NFTA_VERDICT_CODE, (uint32_t)code);
    if (chain != NULL)
        nl_put_string(&nft->buffer, NFTA_VERDICT_CHAIN, chain);
    nl_nest_end(&nft->buffer, verdict);
    nl_nest_end(&nft->buffer, data);
}

static void element(struct nft *nft, int type, uint16_t flags, const char *set, const void *key, size_t length, const char *chain) {
    begin(nft, type, flags);
    nl_put_string(&nft->buffer, NFTA_SET_ELEM_LIST_TABLE, nft->table);
    nl_put_string(&nft->buffer, NFTA_SET_ELEM_LIST_SET, set);
    size_t list = nl_nest(&nft->buffer, NFTA_SET_ELEM_LIST_ELEMENTS);
    size_t item = nl_nest(&nft->buffer, NFTA_LIST_ELEM);
    put_data(nft, NFTA_SET_ELEM_KEY, key, length);
    if (chain != NULL)
        put_verdict(nft, NFTA_SET_ELEM_DATA, NFT_JUMP, chain);
    nl_nest_end(&nft->buffer, item);
    nl_nest_end(&nft->buffer, list);
    nl_end(&nft->buffer);
}

void nft_add_element(struct nft *nft, const char *set, const void *key, size_t length, const char *chain) {
    element(nft, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, set, key, length, chain);
}

void nft_delete_element(struct nft *nft, const char *set, const void *key, size_t length) {
    element(nft, NFT_MSG_DELSETELEM, 0, set, key, length, NULL);
}

void nft_add_counter(struct nft *nft, const char *counter) {
    begin(nft, NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL);
    nl_put_string(&nft->buffer, NFTA_OBJ_TABLE, nft->table);
    nl_put_string(&nft->buffer, NFTA_OBJ_NAME, counter);
    nl_put_be32(&nft->buffer, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
    nl_nest_end(&nft->buffer, nl_nest(&nft->buffer, NFTA_OBJ_DATA));
    nl_end(&nft->buffer);
}

void nft_delete_counter(struct nft *nft, const char *counter) {
    begin(nft, NFT_MSG_DELOBJ, 0);
    nl_put_string(&nft->buffer, NFTA_OBJ_TABLE, nft->table);
    nl_put_string(&nft->buffer, NFTA_OBJ_NAME, counter);
    nl_put_be32(&nft->buffer, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
    nl_end(&nft->buffer);
}

void nft_flush_chain(struct nft *nft, const char *chain) {
    begin(nft, NFT_MSG_DELRULE, 0);
    nl_put_string(&nft->buffer, NFTA_RULE_TABLE, nft->table);
    nl_put_string(&nft->buffer, NFTA_RULE_CHAIN, chain);
    nl_end(&nft->buffer);
}

/* ---- rules ---- */

void nft_rule(struct nft *nft, const char *chain) {
    begin(nft, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    nl_put_string(&nft->buffer, NFTA_RULE_TABLE, nft->table);
    nl_put_string(&nft->buffer, NFTA_RULE_CHAIN, chain);
    nft->expressions = nl_nest(&nft->buffer, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nft *nft) {
    nl_nest_end(&nft->buffer, nft->expressions);
    nl_end(&nft->buffer);
}

static size_t expression(struct nft *nft, const char *name) {
    nft->rule = nl_nest(&nft->buffer, NFTA_LIST_ELEM);
    nl_put_string(&nft->buffer, NFTA_EXPR_NAME, name);
    return nl_nest(&nft->buffer, NFTA_EXPR_DATA);
}

static void expression_end(struct nft *nft, size_t data) {
    nl_nest_end(&nft->buffer, data);
    nl_nest_end(&nft->buffer, nft->rule);
}

void nft_meta(struct nft *nft, uint32_t key) {
    size_t data = expression(nft, "meta");
    nl_put_be32(&nft->buffer, NFTA_META_KEY, key);
    nl_put_be32(&nft->buffer, NFTA_META_DREG, NFT_REG_1);
    expression_end(nft, data);
}

void nft_payload(struct nft *nft, uint32_t base, uint32_t offset, uint32_t length) {
    size_t data = expression(nft, "payload");
    nl_put_be32(&nft->buffer, NFTA_PAYLOAD_DREG, NFT_REG_1);
    nl_put_be32(&nft->buffer, NFTA_PAYLOAD_BASE, base);
    nl_put_be32(&nft->buffer, NFTA_PAYLOAD_OFFSET, offset);
    nl_put_be32(&nft->buffer, NFTA_PAYLOAD_LEN, length);
    expression_end(nft, data);
}

void nft_ct_state(struct nft *nft) {
    size_t data = expression(nft, "ct");
    nl_put_be32(&nft->buffer, NFTA_CT_DREG, NFT_REG_1);
    nl_put_be32(&nft->buffer, NFTA_CT_KEY, NFT_CT_STATE);
    expression_end(nft, data);
}

void nft_mask_host(struct nft *nft, uint32_t mask) {
    const uint32_t zero = 0;
    size_t data = expression(nft, "bitwise");
    nl_put_be32(&nft->buffer, NFTA_BITWISE_SREG, NFT_REG_1);
    nl_put_be32(&nft->buffer, NFTA_BITWISE_DREG, NFT_REG_1);
    nl_put_be32(&nft->buffer, NFTA_BITWISE_LEN, sizeof mask);
    put_data(nft, NFTA_BITWISE_MASK, &mask, sizeof mask);
    put_data(nft, NFTA_BITWISE_XOR, &zero, sizeof zero);
    expression_end(nft, data);
}

void nft_mask(struct nft *nft, uint32_t mask) {
    nft_mask_host(nft, htonl(mask));
}

void nft_compare(struct nft *nft, uint32_t operation, const void *bytes, size_t length) {
    size_t data = expression(nft, "cmp");
    nl_put_be32(&nft->buffer, NFTA_CMP_SREG, NFT_REG_1);
    nl_put_be32(&nft->buffer, NFTA_CMP_OP, operation);
    put_data(nft, NFTA_CMP_DATA, bytes, length);
    expression_end(nft, data);
}

void nft_range16(struct nft *nft, uint16_t first, uint16_t last) {
    uint16_t from = htons(first), to = htons(last);
    if (first == last) {
        nft_compare(nft, NFT_CMP_EQ, &from, sizeof from);
        return;
    }
    size_t data = expression(nft, "range");
    nl_put_be32(&nft->buffer, NFTA_RANGE_SREG, NFT_REG_1);
    nl_put_be32(&nft->buffer, NFTA_RANGE_OP, NFT_RANGE_EQ);
    put_data(nft, NFTA_RANGE_FROM_DATA, &from, sizeof from);
    put_data(nft, NFTA_RANGE_TO_DATA, &to, sizeof to);
    expression_end(nft, data);
}

void nft_lookup(struct nft *nft, const char *set, bool verdicts) {
    size_t data = expression(nft, "lookup");
    nl_put_string(&nft->buffer, NFTA_LOOKUP_SET, set);
    nl_put_be32(&nft->buffer, NFTA_LOOKUP_SREG, NFT_REG_1);
    if (verdicts)
        nl_put_be32(&nft->buffer, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
    expression_end(nft, data);
}

void nft_count(struct nft *nft, const char *counter) {
    size_t data = expression(nft, "objref");
    nl_put_be32(&nft->buffer, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    nl_put_string(&nft->buffer, NFTA_OBJREF_IMM_NAME, counter);
    expression_end(nft, data);
}

void nft_verdict(struct nft *nft, int code, const char *chain) {
    size_t data = expression(nft, "immediate");
    nl_put_be32(&nft->buffer, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    put_verdict(nft, NFTA_IMMEDIATE_DATA, code, chain);
    expression_end(nft, data);
}

void nft_reject(struct nft *nft, uint32_t type, uint8_t code) {
    size_t data = expression(nft, "reject");
    nl_put_be32(&nft->buffer, NFTA_REJECT_TYPE, type);
    nl_put_u8(&nft->buffer, NFTA_REJECT_ICMP_CODE, code);
    expression_end(nft, data);
}

void nft_masquerade(struct nft *nft) {
    expression_end(nft, expression(nft, "masq"));
}

void nft_more_connections_than(struct nft *nft, uint32_t count) {
    size_t data = expression(nft, "connlimit");
    nl_put_be32(&nft->buffer, NFTA_CONNLIMIT_COUNT, count);
    nl_put_be32(&nft->buffer, NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
    expression_end(nft, data);
}

/* ---- reading ---- */

struct counter {
    uint64_t *bytes, *packets;
    int result;
};

static uint64_t read_be64(const void *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return be64toh(value);
}

static void visit_counter(const struct nlmsghdr *message, void *context) {
    struct counter *counter = context;
    size_t size = 0;
    const void *data = nl_attribute(message, sizeof(struct nfgenmsg), NFTA_OBJ_DATA, 0, &size);
    const void *bytes = data == NULL ? NULL : nl_find(data, size, NFTA_COUNTER_BYTES, 8, NULL);
    const void *packets = data == NULL ? NULL : nl_find(data, size, NFTA_COUNTER_PACKETS, 8, NULL);
    if (bytes == NULL || packets == NULL)
        return;
    *counter->bytes = read_be64(bytes);
    *counter->packets = read_be64(packets);
    counter->result = 0;
}

int nft_read_counter(const char *table, const char *counter, uint64_t *bytes, uint64_t *packets) {
    uint8_t request[256];
    struct nft nft = {.table = table};
    struct counter found = {.bytes = bytes, .packets = packets, .result = -ENOENT};
    nl_init(&nft.buffer, request, sizeof request);
    begin(&nft, NFT_MSG_GETOBJ, 0);
    nl_put_string(&nft.buffer, NFTA_OBJ_TABLE, table);
    nl_put_string(&nft.buffer, NFTA_OBJ_NAME, counter);
    nl_put_be32(&nft.buffer, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
    nl_end(&nft.buffer);
    int fd = nl_socket(NETLINK_NETFILTER);
    int result = fd < 0 ? fd : nl_dump(fd, &nft.buffer, visit_counter, &found);
    return result < 0 ? result : found.result;
}

struct chains {
    const char *table;
    void (*visit)(const char *chain, void *context);
    void *context;
};

static void visit_chain(const struct nlmsghdr *message, void *context) {
    const struct chains *chains = context;
    size_t table_bytes = 0, name_bytes = 0;
    const char *table = nl_attribute(message, sizeof(struct nfgenmsg), NFTA_CHAIN_TABLE, 1, &table_bytes);
    const char *name = nl_attribute(message, sizeof(struct nfgenmsg), NFTA_CHAIN_NAME, 1, &name_bytes);
    if (table == NULL || name == NULL || memchr(table, 0, table_bytes) == NULL || memchr(name, 0, name_bytes) == NULL)
        return;
    if (strcmp(table, chains->table) == 0)
        chains->visit(name, chains->context);
}

int nft_each_chain(const char *table, void (*visit)(const char *chain, void *context), void *context) {
    uint8_t request[64];
    struct nft nft = {.table = table};
    struct chains chains = {.table = table, .visit = visit, .context = context};
    nl_init(&nft.buffer, request, sizeof request);
    begin(&nft, NFT_MSG_GETCHAIN, NLM_F_DUMP);
    nl_end(&nft.buffer);
    int fd = nl_socket(NETLINK_NETFILTER);
    int result = fd < 0 ? fd : nl_dump(fd, &nft.buffer, visit_chain, &chains);
    return result;
}

/* ---- watching ---- */

/* What this process changes itself is not told: one commit of a long list would fill the socket. */
static int skip_own(int fd) {
    struct sockaddr_nl own = {0};
    socklen_t length = sizeof own;
    int mine = nl_socket(NETLINK_NETFILTER), room = WATCH_BUFFER_BYTES;
    if (mine < 0 || getsockname(mine, (struct sockaddr *)&own, &length) < 0)
        return mine < 0 ? mine : -errno;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)), /* of a commit's first message: the same in all */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(own.nl_pid), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

int nft_watch(void) {
    int group = NFNLGRP_NFTABLES;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    int result = fd < 0 ? -errno : skip_own(fd);
    if (result == 0 && (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
                        setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0))
        result = -errno;
    if (result < 0)
        fd_close(&fd);
    return result < 0 ? result : fd;
}

/* Every such message begins with the table's name. */
static bool is_tampering(const struct nlmsghdr *message, const char *table) {
    static const uint8_t deletions[] = {NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE, NFT_MSG_DELSET, NFT_MSG_DELSETELEM, NFT_MSG_DELOBJ};
    size_t size = 0;
    const char *name = nl_attribute(message, sizeof(struct nfgenmsg), NFTA_TABLE_NAME, 1, &size);
    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || name == NULL ||
        memchr(name, 0, size) == NULL || strcmp(name, table) != 0)
        return false;
    return memchr(deletions, message->nlmsg_type & 0xff, sizeof deletions) != NULL;
}

int nft_tampered(int watch, const char *table) {
    static _Alignas(struct nlmsghdr) uint8_t told[WATCH_BYTES];
    int result = 0;
    for (int i = 0; i < WATCH_READS; i++) {
        ssize_t n = recv(watch, told, sizeof told, MSG_DONTWAIT);
        if (n < 0 && errno == ENOBUFS)
            result = result == 0 ? -ENOBUFS : result;
        else if (n < 0 && errno != EINTR)
            break;
        struct nlmsghdr *message = (struct nlmsghdr *)(void *)told;
        for (size_t left = n < 0 ? 0 : (size_t)n; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
            result = is_tampering(message, table) ? 1 : result;
    }
    return result;
}
