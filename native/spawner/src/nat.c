/* See nat.h. */
#include "nat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "nft.h"

/* Priorities of <linux/netfilter_ipv4.h>: connection tracking is at -200, rewriting of destinations at -100, of sources at 100. */
enum { BEFORE_TRACKING = -300, BEFORE_NAT = -150, BEFORE_FILTERS = -10, SOURCE_NAT = 100 };
enum { SOURCE_OFFSET = 12, DESTINATION_OFFSET = 16, PORT_OFFSET = 2, TCP = 6, UDP = 17, IPV4 = 2, IPV6 = 10 };
enum { REJECT_TCP_RESET = 1, REJECT_ICMPX = 2, ADMIN_PROHIBITED = 3 }; /* NFT_REJECT_…, NFT_REJECT_ICMPX_… */
enum { BATCH_BYTES = 24 << 10, RULE_BYTES = 448 };

static char table[NFT_NAME_BYTES];
static char prefix[16]; /* of this spawner's interfaces */
static uint32_t own_block;
static bool rejects = true; /* the kernel can answer where the list is looked at (Linux 5.9); else packets vanish */
static bool limits = true;  /* the kernel can count connections (CONFIG_NFT_CONNLIMIT); else they are not limited */

struct name {
    char text[NFT_NAME_BYTES];
};

static struct name named(char kind, uint32_t slot) {
    struct name name;
    snprintf(name.text, sizeof name.text, "%c%u", kind, slot);
    return name;
}

/* Its name holds the address, so that the next spawner can remove all of a slot. */
static struct name source_chain(uint32_t slot, uint32_t address) {
    struct name name;
    snprintf(name.text, sizeof name.text, "s%u-%08x", slot, address);
    return name;
}

void nat_init(uint32_t block) {
    own_block = block;
    snprintf(table, sizeof table, "tinyvm-%u", block);
    snprintf(prefix, sizeof prefix, VETH_PREFIX "%us", block);
}

static struct name veth(uint32_t slot) {
    struct name name = {0}; /* compared as 16 bytes, zeros included */
    snprintf(name.text, IFNAMSIZ, VETH_PREFIX "%us%u", own_block, slot);
    return name;
}

/* ---- the table ---- */

/* Passes what is not to or from one of our interfaces, asks the map about the others, drops those it does not know. */
static void judge_ours(struct nft *nft, const char *chain, uint32_t key, const char *map) {
    nft_rule(nft, chain);
    nft_meta(nft, key);
    nft_compare(nft, NFT_CMP_NEQ, prefix, strlen(prefix));
    nft_verdict(nft, NF_ACCEPT, NULL);
    nft_rule_end(nft);
    nft_rule(nft, chain);
    nft_meta(nft, key);
    nft_lookup(nft, map, true);
    nft_rule_end(nft);
    nft_rule(nft, chain);
    nft_verdict(nft, NF_DROP, NULL);
    nft_rule_end(nft);
}

/* An answer instead of silence: programs inside learn at once that they may not, and open flows are cut. */
static void add_refusal(struct nft *nft) {
    const uint8_t tcp = TCP;
    nft_add_chain(nft, "refuse", NULL, -1, 0);
    if (rejects) {
        nft_rule(nft, "refuse");
        nft_meta(nft, NFT_META_L4PROTO);
        nft_compare(nft, NFT_CMP_EQ, &tcp, 1);
        nft_reject(nft, REJECT_TCP_RESET, 0);
        nft_rule_end(nft);
        nft_rule(nft, "refuse");
        nft_reject(nft, REJECT_ICMPX, ADMIN_PROHIBITED);
        nft_rule_end(nft);
    }
    nft_rule(nft, "refuse");
    nft_verdict(nft, NF_DROP, NULL);
    nft_rule_end(nft);
}

static void add_masquerade(struct nft *nft) {
    const uint8_t ipv4 = IPV4;
    nft_add_chain(nft, "nat", "nat", NF_INET_POST_ROUTING, SOURCE_NAT);
    nft_rule(nft, "nat");
    nft_meta(nft, NFT_META_NFPROTO);
    nft_compare(nft, NFT_CMP_EQ, &ipv4, 1);
    nft_payload(nft, NFT_PAYLOAD_NETWORK_HEADER, SOURCE_OFFSET, 4);
    nft_lookup(nft, "addresses", false);
    nft_meta(nft, NFT_META_OIFNAME);
    nft_compare(nft, NFT_CMP_NEQ, VETH_PREFIX, strlen(VETH_PREFIX));
    nft_masquerade(nft);
    nft_rule_end(nft);
}

static void add_table(struct nft *nft) {
    nft_add_table(nft); /* so that it exists, whatever was there goes */
    nft_delete_table(nft);
    nft_add_table(nft);
    nft_add_set(nft, "sources", IFNAMSIZ, true);
    nft_add_set(nft, "lists", IFNAMSIZ, true);
    nft_add_set(nft, "hosts", IFNAMSIZ, true);
    nft_add_set(nft, "answers", IFNAMSIZ, true);
    nft_add_set(nft, "addresses", 4, false);
    add_refusal(nft);
    nft_add_chain(nft, "source", "filter", NF_INET_PRE_ROUTING, BEFORE_TRACKING);
    judge_ours(nft, "source", NFT_META_IIFNAME, "sources");
    nft_add_chain(nft, "list", "filter", NF_INET_PRE_ROUTING, BEFORE_NAT);
    judge_ours(nft, "list", NFT_META_IIFNAME, "lists");
    nft_add_chain(nft, "host", "filter", NF_INET_LOCAL_IN, BEFORE_FILTERS);
    judge_ours(nft, "host", NFT_META_IIFNAME, "hosts");
    nft_add_chain(nft, "answer", "filter", NF_INET_POST_ROUTING, BEFORE_FILTERS);
    judge_ours(nft, "answer", NFT_META_OIFNAME, "answers");
    add_masquerade(nft);
}

/* ---- one slot ---- */

static void drop(struct nft *nft, uint32_t slot) {
    nft_count(nft, named('d', slot).text);
    nft_verdict(nft, NF_DROP, NULL);
    nft_rule_end(nft);
}

static void add_source_chain(struct nft *nft, uint32_t slot, uint32_t address) {
    struct name chain = source_chain(slot, address);
    const uint8_t ipv4 = IPV4, plain = 0x45, nowhere = 0, loopback = 127, multicast = 224; /* and all above it */
    /* A header with options may name other destinations than the one that is judged (source routes). */
    const struct { uint32_t offset, operation; const uint8_t *value; } never[] = {
        {0, NFT_CMP_NEQ, &plain}, {DESTINATION_OFFSET, NFT_CMP_EQ, &nowhere}, {DESTINATION_OFFSET, NFT_CMP_EQ, &loopback},
        {DESTINATION_OFFSET, NFT_CMP_GTE, &multicast}};
    const char *name = chain.text;
    uint32_t source = htonl(address);
    nft_rule(nft, name);
    nft_meta(nft, NFT_META_NFPROTO);
    nft_compare(nft, NFT_CMP_NEQ, &ipv4, 1);
    drop(nft, slot);
    nft_rule(nft, name);
    nft_payload(nft, NFT_PAYLOAD_NETWORK_HEADER, SOURCE_OFFSET, 4);
    nft_compare(nft, NFT_CMP_NEQ, &source, 4);
    drop(nft, slot);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        nft_rule(nft, name);
        nft_payload(nft, NFT_PAYLOAD_NETWORK_HEADER, never[i].offset, 1);
        nft_compare(nft, never[i].operation, never[i].value, 1);
        drop(nft, slot);
    }
    nft_rule(nft, name);
    nft_verdict(nft, NF_ACCEPT, NULL);
    nft_rule_end(nft);
}

/* Protocol and destination of one rule; the list's chain has let through TCP and UDP only. */
static void match(struct nft *nft, const char *chain, const struct rule *rule, const struct port_range *ports) {
    nft_rule(nft, chain);
    if (rule->protocols != (RULE_TCP | RULE_UDP)) {
        const uint8_t protocol = rule->protocols == RULE_TCP ? TCP : UDP;
        nft_meta(nft, NFT_META_L4PROTO);
        nft_compare(nft, NFT_CMP_EQ, &protocol, 1);
    }
    if (rule->prefix_length > 0) {
        uint32_t address = htonl(rule->address);
        nft_payload(nft, NFT_PAYLOAD_NETWORK_HEADER, DESTINATION_OFFSET, 4);
        if (rule->prefix_length < 32)
            nft_mask(nft, prefix_mask(rule->prefix_length));
        nft_compare(nft, NFT_CMP_EQ, &address, 4);
    }
    if (ports != NULL) {
        nft_payload(nft, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_OFFSET, 2);
        nft_range16(nft, ports->first, ports->last);
    }
}

/* named_only: only rules that name one address allow something; the others may still deny. */
static void add_list(struct nft *nft, char kind, uint32_t slot, const struct rules *rules, bool named_only) {
    struct name chain = named(kind, slot), refused = named('r', slot), accepted = named('a', slot);
    const uint8_t tcp = TCP, udp = UDP;
    nft_rule(nft, chain.text);
    nft_meta(nft, NFT_META_L4PROTO);
    nft_compare(nft, NFT_CMP_NEQ, &tcp, 1);
    nft_compare(nft, NFT_CMP_NEQ, &udp, 1);
    nft_verdict(nft, NFT_GOTO, refused.text);
    nft_rule_end(nft);
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->items[i];
        if (rule->family != 4 || (named_only && !rule->deny && rule->prefix_length != 32))
            continue;
        for (uint32_t port = 0; port == 0 || port < rule->port_count; port++) {
            match(nft, chain.text, rule, rule->port_count == 0 ? NULL : &rule->ports[port]);
            if (rule->deny)
                nft_verdict(nft, NFT_GOTO, refused.text);
            else if (named_only)
                nft_verdict(nft, NF_ACCEPT, NULL);
            else
                nft_verdict(nft, NFT_GOTO, accepted.text);
            nft_rule_end(nft);
        }
    }
    nft_rule(nft, chain.text);
    nft_verdict(nft, NFT_GOTO, refused.text);
    nft_rule_end(nft);
}

static void add_answer_chain(struct nft *nft, uint32_t slot) {
    struct name chain = named('t', slot);
    const uint32_t none = 0;
    nft_rule(nft, chain.text);
    nft_ct_state(nft);
    nft_mask_host(nft, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
    nft_compare(nft, NFT_CMP_NEQ, &none, sizeof none);
    nft_count(nft, named('i', slot).text);
    nft_verdict(nft, NF_ACCEPT, NULL);
    nft_rule_end(nft);
    nft_rule(nft, chain.text);
    drop(nft, slot);
}

static const char chain_kinds[] = "vhtar", counter_kinds[] = "oid";
static const struct { const char *map; char kind; } maps[] = {{"lists", 'v'}, {"hosts", 'h'}, {"answers", 't'}};

/* One Tiny VM must not fill the host's table of connections. */
static void limit_connections(struct nft *nft, const char *chain, const char *refused) {
    const uint32_t none = 0;
    if (!limits)
        return;
    nft_rule(nft, chain);
    nft_ct_state(nft);
    nft_mask_host(nft, NF_CT_STATE_BIT(IP_CT_NEW));
    nft_compare(nft, NFT_CMP_NEQ, &none, sizeof none);
    nft_more_connections_than(nft, NAT_MAX_CONNECTIONS);
    nft_verdict(nft, NFT_GOTO, refused);
    nft_rule_end(nft);
}

static void add_slot(struct nft *nft, uint32_t slot, uint32_t address, const struct rules *rules) {
    uint32_t key = htonl(address);
    struct name accepted = named('a', slot), refused = named('r', slot);
    for (const char *kind = counter_kinds; *kind != 0; kind++)
        nft_add_counter(nft, named(*kind, slot).text);
    for (const char *kind = chain_kinds; *kind != 0; kind++)
        nft_add_chain(nft, named(*kind, slot).text, NULL, -1, 0);
    nft_add_chain(nft, source_chain(slot, address).text, NULL, -1, 0);
    limit_connections(nft, accepted.text, refused.text);
    nft_rule(nft, accepted.text);
    nft_count(nft, named('o', slot).text);
    nft_verdict(nft, NF_ACCEPT, NULL);
    nft_rule_end(nft);
    nft_rule(nft, refused.text);
    nft_count(nft, named('d', slot).text);
    nft_verdict(nft, NFT_GOTO, "refuse");
    nft_rule_end(nft);
    add_source_chain(nft, slot, address);
    add_list(nft, 'v', slot, rules, false);
    add_list(nft, 'h', slot, rules, true);
    add_answer_chain(nft, slot);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        nft_add_element(nft, maps[i].map, veth(slot).text, IFNAMSIZ, named(maps[i].kind, slot).text);
    nft_add_element(nft, "sources", veth(slot).text, IFNAMSIZ, source_chain(slot, address).text);
    nft_add_element(nft, "addresses", &key, sizeof key, NULL);
}

/* ---- transactions ---- */

static size_t room_for(const struct rules *rules) {
    size_t lines = 0;
    for (uint32_t i = 0; rules != NULL && i < rules->count; i++)
        lines += 2U * (rules->items[i].port_count == 0 ? 1U : rules->items[i].port_count);
    return BATCH_BYTES + lines * RULE_BYTES;
}

static int add_all(uint32_t slot, uint32_t address, const struct rules *rules, bool fresh) {
    size_t room = room_for(rules);
    void *bytes = malloc(room);
    struct nft nft;
    if (bytes == NULL)
        return -ENOMEM;
    nft_begin(&nft, bytes, room, table);
    if (fresh)
        add_table(&nft);
    add_slot(&nft, slot, address, rules);
    int result = nft_commit(&nft);
    free(bytes);
    return result;
}

int nat_probe(void) {
    static struct rules rules;
    rules = (struct rules){.count = 2, .items = {{.family = 4, .prefix_length = 8, .address = 10U << 24, .protocols = RULE_TCP, .port_count = 1,
                                                  .ports = {{1, 2}}}, {.deny = true, .family = 4, .protocols = RULE_TCP | RULE_UDP}}};
    char kept[NFT_NAME_BYTES];
    memcpy(kept, table, sizeof kept);
    snprintf(table, sizeof table, "tinyvm-%u-probe", own_block);
    int result = -EOPNOTSUPP;
    for (int without = 0; without < 4 && result < 0; without++) { /* what may be missing: one of the two, or both */
        limits = (without & 1) == 0;
        rejects = (without & 2) == 0;
        int one = add_all(0, 0, &rules, true);
        result = one == 0 || without == 0 ? one : result;
    }
    if (result == 0)
        result = nat_remove_table();
    memcpy(table, kept, sizeof kept);
    return result;
}

int nat_add(uint32_t slot, uint32_t address, const struct rules *rules, bool fresh) {
    return add_all(slot, address, rules, fresh);
}

int nat_replace(uint32_t slot, const struct rules *rules) {
    size_t room = room_for(rules);
    void *bytes = malloc(room);
    struct nft nft;
    if (bytes == NULL)
        return -ENOMEM;
    nft_begin(&nft, bytes, room, table);
    nft_flush_chain(&nft, named('v', slot).text);
    nft_flush_chain(&nft, named('h', slot).text);
    add_list(&nft, 'v', slot, rules, false);
    add_list(&nft, 'h', slot, rules, true);
    int result = nft_commit(&nft);
    free(bytes);
    return result;
}

int nat_remove(uint32_t slot, uint32_t address) {
    static uint8_t bytes[BATCH_BYTES];
    struct nft nft;
    uint32_t key = htonl(address);
    nft_begin(&nft, bytes, sizeof bytes, table);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        nft_delete_element(&nft, maps[i].map, veth(slot).text, IFNAMSIZ);
    nft_delete_element(&nft, "sources", veth(slot).text, IFNAMSIZ);
    nft_delete_element(&nft, "addresses", &key, sizeof key);
    for (const char *kind = chain_kinds; *kind != 0; kind++)
        nft_flush_chain(&nft, named(*kind, slot).text);
    nft_flush_chain(&nft, source_chain(slot, address).text);
    nft_delete_chain(&nft, source_chain(slot, address).text);
    for (const char *kind = chain_kinds; *kind != 0; kind++)
        nft_delete_chain(&nft, named(*kind, slot).text);
    for (const char *kind = counter_kinds; *kind != 0; kind++)
        nft_delete_counter(&nft, named(*kind, slot).text);
    int result = nft_commit(&nft);
    return result == -ENOENT ? 0 : result;
}

int nat_remove_table(void) {
    uint8_t bytes[512];
    struct nft nft;
    nft_begin(&nft, bytes, sizeof bytes, table);
    nft_delete_table(&nft);
    int result = nft_commit(&nft);
    return result == -ENOENT ? 0 : result;
}

int nat_read(uint32_t slot, struct nat_counts *counts) {
    uint64_t ignored = 0;
    memset(counts, 0, sizeof *counts);
    int result = nft_read_counter(table, named('o', slot).text, &counts->bytes_out, &ignored);
    if (result == 0)
        result = nft_read_counter(table, named('i', slot).text, &counts->bytes_in, &ignored);
    if (result == 0)
        result = nft_read_counter(table, named('d', slot).text, &ignored, &counts->packets_dropped);
    return result;
}

struct slots {
    void (*visit)(uint32_t slot, uint32_t address, void *context);
    void *context;
};

static void visit_chain(const char *chain, void *context) {
    const struct slots *slots = context;
    unsigned slot = 0, address = 0;
    if (sscanf(chain, "s%u-%x", &slot, &address) == 2 && slot < SLOTS)
        slots->visit(slot, address, slots->context);
}

int nat_each_slot(void (*visit)(uint32_t slot, uint32_t address, void *context), void *context) {
    struct slots slots = {.visit = visit, .context = context};
    return nft_each_chain(table, visit_chain, &slots);
}

int nat_watch(void) {
    return nft_watch();
}

int nat_tampered(int watch) {
    return nft_tampered(watch, table);
}
