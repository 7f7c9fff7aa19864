/*
 * Words of nf_tables: messages and expressions, written into a netlink batch. nat.c says with them what the first lock is.
 * One batch is one transaction of the kernel's: all of it happens, or nothing.
 */
#ifndef SPAWNER_NFT_H
#define SPAWNER_NFT_H

#include <netinet/in.h> /* before the kernel's own */
#include <stdbool.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "netlink.h"

enum { NFT_NAME_BYTES = 32 };

struct nft {
    struct nl_buffer buffer;
    const char *table;
    size_t rule, expressions; /* nests of the open rule */
};

/* Begins a batch in this table (family inet). */
void nft_begin(struct nft *nft, void *bytes, size_t room, const char *table);
/* Sends it; 0 or the first error. */
int nft_commit(struct nft *nft);

void nft_add_table(struct nft *nft);
void nft_delete_table(struct nft *nft);
/* hook < 0: a chain that is only jumped to. */
void nft_add_chain(struct nft *nft, const char *chain, const char *type, int hook, int priority);
void nft_delete_chain(struct nft *nft, const char *chain);
/* A set of keys of this many bytes; verdicts: a map from keys to verdicts. */
void nft_add_set(struct nft *nft, const char *set, uint32_t key_bytes, bool verdicts);
/* chain NULL: an element without a verdict. */
void nft_add_element(struct nft *nft, const char *set, const void *key, size_t length, const char *chain);
void nft_delete_element(struct nft *nft, const char *set, const void *key, size_t length);
void nft_add_counter(struct nft *nft, const char *counter);
void nft_delete_counter(struct nft *nft, const char *counter);
/* Every rule of a chain. */
void nft_flush_chain(struct nft *nft, const char *chain);

/* Between nft_rule and nft_rule_end: expressions. */
void nft_rule(struct nft *nft, const char *chain);
void nft_rule_end(struct nft *nft);
void nft_meta(struct nft *nft, uint32_t key);
void nft_payload(struct nft *nft, uint32_t base, uint32_t offset, uint32_t length);
void nft_ct_state(struct nft *nft);
void nft_mask(struct nft *nft, uint32_t mask); /* 4 bytes, in network order once stored */
void nft_mask_host(struct nft *nft, uint32_t mask); /* 4 bytes in host order */
void nft_compare(struct nft *nft, uint32_t operation, const void *bytes, size_t length);
void nft_range16(struct nft *nft, uint16_t first, uint16_t last);
/* verdicts: the element's verdict is taken; else the rule goes on only if the key is (not inverted) in the set. */
void nft_lookup(struct nft *nft, const char *set, bool verdicts);
void nft_count(struct nft *nft, const char *counter);
/* NF_ACCEPT, NF_DROP, NFT_JUMP, NFT_GOTO (with a chain). */
void nft_verdict(struct nft *nft, int code, const char *chain);
void nft_reject(struct nft *nft, uint32_t type, uint8_t code);
void nft_masquerade(struct nft *nft);
/* Goes on when more than this many connections have passed here and are still open. */
void nft_more_connections_than(struct nft *nft, uint32_t count);

/* Bytes and packets of a counter of `table`. -ENOENT when there is none. */
int nft_read_counter(const char *table, const char *counter, uint64_t *bytes, uint64_t *packets);
/* A socket that the kernel tells others' changes of nf_tables on; a negative errno. */
int nft_watch(void);
/* Reads what it told. 1: somebody else deleted something in the table; -ENOBUFS: too much was told at once to know; else 0. */
int nft_tampered(int watch, const char *table);
/* The names of a table's chains; -ENOENT never, a missing table has none. */
int nft_each_chain(const char *table, void (*visit)(const char *chain, void *context), void *context);

#endif
