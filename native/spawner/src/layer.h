/*
 * The bounded writable layer of each Tiny VM: a btrfs subvolume with a quota in one sparse file, or, where btrfs is
 * missing, a sized tmpfs that the wall's own set-up mounts (child.c).
 */
#ifndef SPAWNER_LAYER_H
#define SPAWNER_LAYER_H

#include "config.h"
#include "sys.h"

/* Prepares the pool at `mount_point` (made by the caller). In auto mode a missing btrfs means tmpfs; *why says so. */
int layers_open(const struct config *config, const char *mount_point, struct fault *fault);
bool layers_are_btrfs(void);
const char *layers_name(void);
/* Descriptors to keep, for close_all_but. */
size_t layers_fds(int *out, size_t room);
/* The pool's root, -1 where layers are tmpfs; and the name of a slot's layer in it. */
int layers_pool(void);
const char *layer_name(uint32_t slot);
/* After the private mount tree was entered: opens the pool there. */
int layers_enter(struct fault *fault);
/* Unmounts the pool. */
void layers_close(void);

/* btrfs only; on tmpfs these do nothing. */
int layer_make(uint32_t slot, struct fault *fault);
int layer_limit(uint32_t slot, uint64_t bytes, struct fault *fault);
int layer_remove(uint32_t slot);
/* Calls `visit` for each slot that has a layer. */
void layers_each_slot(void (*visit)(uint32_t slot, void *context), void *context);
/* Bytes in use. pid is the wall's first process, 0 when it ended; staged: it lives in a runtime's stage. */
int layer_used(uint32_t slot, pid_t pid, bool staged, uint64_t *bytes);

#endif
