/* A btrfs in one sparse file, and its subvolumes with a quota each: writable layers (layer.h), named volumes (store.h). */
#ifndef SPAWNER_POOL_H
#define SPAWNER_POOL_H

#include "sys.h"

/*
 * Mounts the file's btrfs, made when the file is new. One that cannot be mounted is moved to
 * `<path>.damaged` and made afresh, unless it is precious: then nothing is touched. `bytes`: apparent size, 0: what the file system has free, at most 64 GiB. *qgroups becomes the
 * directory of its quotas' figures, or -1.
 */
int pool_mount(const char *path, uint64_t bytes, bool precious, const char *mount_point, int *qgroups, struct fault *fault);

/* `pool` is the mounted root; results are 0 (or a descriptor) or a negative errno. */
int subvolume_make(int pool, const char *name);
/* A writable copy of the subvolume `source`, named `name` in the directory `target`; data is shared until one of both writes. */
int subvolume_snapshot(int source, int target, const char *name);
int subvolume_open(int pool, const char *name);
int subvolume_limit(int pool, const char *name, uint64_t bytes);
/* What is not there is removed. */
int subvolume_remove(int pool, const char *name);
int subvolume_used(int pool, int qgroups, const char *name, uint64_t *bytes);

#endif
