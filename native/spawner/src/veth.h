/*
 * The wire of a routed interface: a veth pair `tvm<block>s<slot>` here, `eth0` inside, by rtnetlink. Each has one address
 * of a /31 (RFC 3021): the even one is the gateway, the odd one the Tiny VM's.
 */
#ifndef SPAWNER_VETH_H
#define SPAWNER_VETH_H

#include <stdbool.h>
#include <stdint.h>

#include "routes.h"
#include "sys.h"

#define INSIDE_NAME "eth0"

void veth_init(uint32_t block);
void veth_name(uint32_t slot, char out[INTERFACE_BYTES]);
/* 0 when this kernel makes such pairs, and lets this process; nothing is made. */
int veth_probe(void);
/* Makes the pair, down, with the inner end in the network namespace of a descriptor. */
int veth_make(uint32_t slot, int namespace_fd, uint32_t mtu);
/* The host's end: sysctls (no IPv6, forwarding) and the gateway's address. */
int veth_prepare(uint32_t slot, uint32_t gateway);
/* The inner end's address, up, the default route. For a process that has entered the namespace. */
int veth_configure_inside(uint32_t address, uint32_t gateway);
/* Up, and marked as complete: an interface without the mark is swept by the next spawner. */
int veth_raise(uint32_t slot);
int veth_lower(uint32_t slot);
/* 0 also when there is none. Waits for the kernel's grace periods: tens of milliseconds. */
int veth_remove(uint32_t slot);
bool veth_exists(uint32_t slot);
/* This spawner's interfaces. -EINTR: they changed meanwhile, ask again. */
int veth_each(void (*visit)(uint32_t slot, bool complete, void *context), void *context);
/* The gateway's address of an interface; 0 when it has none. */
uint32_t veth_gateway(uint32_t slot);
/* Whether any TinyVM on this host has one. */
int veth_any(bool *any);

#endif
