/*
 * The table `inet tinyvm`, which all spawners of a host share: what comes in through these interfaces, whose forwarding was
 * switched on for Tiny VMs, is forwarded to Tiny VMs only, as if it were still off.
 */
#ifndef SPAWNER_GUARD_H
#define SPAWNER_GUARD_H

#include <stddef.h>

/* Puts these names in the place of the earlier ones, in one transaction; none: the table is removed. */
int guard_set(const char *const *interfaces, size_t count);

#endif
