/*
 * The spawner's private mount tree: a small tmpfs with binds of the few things that walls are made of. Each wall starts
 * from a copy of the spawner's tree, so its size decides how fast a wall is made, and what is not in it cannot leak.
 */
#ifndef SPAWNER_TREE_H
#define SPAWNER_TREE_H

#include "config.h"
#include "skeleton.h"
#include "sys.h"

enum { MAX_MASKS = 16 };

/* What of /proc this kernel has that must be hidden or read-only. */
struct proc_masks {
    uint32_t count;
    struct {
        const char *name;
        enum { MASK_FILE, MASK_DIR, MASK_READ_ONLY } kind;
    } items[MAX_MASKS];
};

/* Makes the private directories below the run directory. */
int tree_make_dirs(const struct config *config, struct fault *fault);
/* A new mount namespace with the tree in it; the pool goes to `pool_point` (room PATH_BYTES) before tree_enter. */
int tree_build(const struct config *config, const struct host_dirs *dirs, char *pool_point, struct fault *fault);
/* Makes the tree the root and lets go of the host's. */
int tree_enter(const struct config *config, struct fault *fault);
void tree_find_masks(struct proc_masks *masks);

#endif
