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

/*
 * Where the small files of each wall lie: `vms` with the sockets and `state`. Making a file costs a disk's file system up
 * to a millisecond, so when the run directory is not in memory they lie in /run or /dev/shm if that is, and <run>/vms is
 * a link.
 */
struct fast_place {
    char path[PATH_BYTES];
    int parent; /* the directory that holds it; -1: it is the run directory */
    char name[32];
};

/* Whether mounts of this directory can have mapped ids (tmpfs: from Linux 6.3 on). */
bool tree_can_map(const char *path, uid_t base);
/* Makes the private directories below the run directory. */
int tree_make_dirs(const struct config *config, struct fault *fault);
int tree_make_fast_place(const struct config *config, uint32_t block, struct fast_place *place, struct fault *fault);
/* A new mount namespace with the tree in it; the pool goes to `pool_point` (room PATH_BYTES) before tree_enter. */
int tree_build(const struct config *config, const struct host_dirs *dirs, const struct fast_place *place,
               const char *skeleton, char *pool_point, struct fault *fault);
/* Makes the tree the root and lets go of the host's. */
int tree_add_guest(int guest, struct fault *fault); /* for OCI runtimes, after tree_enter */
int tree_enter(const struct config *config, struct fault *fault);
/* The last act: everything below the run directory and the fast place. */
void tree_remove_files(struct fast_place *place);
void tree_find_masks(struct proc_masks *masks);

#endif
