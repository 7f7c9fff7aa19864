/*
 * The host's IPv4 forwarding for routed interfaces: only on the interfaces that hold routes, only where it was off, only as
 * long as any TinyVM on this host has an interface. What arrives through an interface that was opened here is forwarded to
 * Tiny VMs only (guard.h), so other traffic is treated as before. Where net.ipv4.ip_forward is 1, nothing is changed.
 *
 * /run/tinyvm/network/forwarding lists what was opened, for whichever spawner closes it; all of it happens under a lock.
 */
#ifndef SPAWNER_FORWARDING_H
#define SPAWNER_FORWARDING_H

#include "veth.h"

/* Before the spawner leaves the host's mount tree. Fails with a negative errno; routed interfaces are then not on offer. */
int forwarding_open(void);
/* For close_all_but; returns how many. */
size_t forwarding_fds(int *out, size_t room);
/* The host-wide lock of everything here, and of picking addresses. -ETIMEDOUT when another holds it for seconds. */
int forwarding_lock(void);
void forwarding_unlock(int *lock);
/* Under the lock: opens the uplinks; closes them when no interface of a TinyVM's is left. */
int forwarding_allow(const struct routes *routes);
int forwarding_release(void);
/* Under the lock: makes the guard again, should somebody have removed it. */
int forwarding_repair(void);

#endif
