/*
 * The first lock of routed interfaces and their NAT: the nf_tables table `tinyvm-<block>` (family inet), which only this
 * spawner's interfaces (`tvm<block>s<slot>`) pass through. It exists as long as one of them does. Per slot N:
 *
 *   s<N>-<address>  before connection tracking: from the Tiny VM's own address, IPv4, not to loopback, multicast or broadcast
 *   v<N>  before the routing decision: the list of rules, for every packet that the Tiny VM sends
 *   h<N>  packets that were routed to the host itself: only what a rule names by its one address
 *   t<N>  packets to the Tiny VM: only answers
 *   o<N>, i<N>, d<N>  counters: out, in, dropped
 *
 * An interface that the maps do not know drops everything, so a table without a slot's chains is closed, not open.
 */
#ifndef SPAWNER_NAT_H
#define SPAWNER_NAT_H

#include "rule.h"

/* Begins every interface's name, of whichever spawner. */
#define VETH_PREFIX "tvm"

/* Open connections of one Tiny VM, at most. */
enum { NAT_MAX_CONNECTIONS = 2048 };

struct nat_counts {
    uint64_t bytes_out, bytes_in, packets_dropped;
};

void nat_init(uint32_t block);
/* Makes the table and takes it away again: 0 when this kernel has all that is needed. */
int nat_probe(void);
/* Chains, rules and NAT of a slot, in one transaction; makes the table if `fresh`. */
int nat_add(uint32_t slot, uint32_t address, const struct rules *rules, bool fresh);
/* Puts the rules in the place of the old ones, in one transaction. */
int nat_replace(uint32_t slot, const struct rules *rules);
/* What is not there is fine. */
int nat_remove(uint32_t slot, uint32_t address);
int nat_remove_table(void);
int nat_read(uint32_t slot, struct nat_counts *counts);
/* A socket that becomes readable when nf_tables changes, and whether somebody else has taken something of the table away since. */
int nat_watch(void);
int nat_tampered(int watch); /* as nft_tampered */
/* Slots that have chains. */
int nat_each_slot(void (*visit)(uint32_t slot, uint32_t address, void *context), void *context);

#endif
