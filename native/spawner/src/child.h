/*
 * What happens inside a new wall between clone and exec: an ordered list of named steps, first those that need nothing
 * of the request ("blank"), then, after a message from the spawner, the rest. See docs/isolation.md.
 */
#ifndef SPAWNER_CHILD_H
#define SPAWNER_CHILD_H

#include "lower.h"
#include "request.h"
#include "skeleton.h"
#include "tree.h"

/* Known before the request: how a blank wall is made. */
struct child_plan {
    uint32_t slot;
    uid_t base;
    enum runtime runtime; /* RUNTIME_NONE: the spawner makes the wall itself */
    bool pooled;          /* the runtime starts before the request is known */
    bool host_image;
    const char *checkpoint; /* what it is made from; empty: nothing */
    int layer_userns;       /* maps the owners in the layer of a checkpoint; -1: they are this slot's */
    const struct lowers *lowers; /* of an image other than host */
    bool btrfs;
    bool join_cgroup; /* v1: not born in it */
    int userns;
    int control; /* SOCK_SEQPACKET to the spawner */
    int guest;   /* sealed memfd */
    const struct host_dirs *host_dirs;
    const struct proc_masks *masks;
};

/* The message that turns a blank wall into a Tiny VM. With it come the listening socket and one mount per volume. */
struct activation {
    char hostname[HOSTNAME_BYTES];
    char user[USER_BYTES];
    bool read_only_root;
    bool merge_memory;
    uint64_t disk_bytes;
    uint32_t mount_count;
    struct {
        char target[MOUNT_PATH_BYTES];
        bool read_only;
    } mounts[MAX_MOUNTS];
};

enum report_kind { REPORT_READY = 1, REPORT_EXEC = 2, REPORT_FAILED = 3 };

/* What a child tells the spawner. */
struct report {
    uint32_t kind;
    struct fault fault;
};

/* What root inside may do, as a set of bits. */
uint64_t child_kept_capabilities(enum runtime runtime);

/* Never returns. */
_Noreturn void child_run(const struct child_plan *plan);

/* In child_mounts.c: the steps that build the tree, in the child's own mount namespace, as the host's root. */
int child_mount_root(const struct child_plan *plan, int *layer_mount, struct fault *fault);
int child_mount_all(const struct child_plan *plan, int *layer_mount, struct fault *fault);
/* A read-only view of a directory in which uid 0 on disk is the wall's uid 0. resolve: as for openat2(2). */
int child_bind_mapped(const char *path, uint64_t resolve, int userns, const char *target);
/* In attach.c. Makes the mount point component by component below the root, never through a link, and attaches the mount. */
int child_mount_volume(int mount_fd, const char *target, uid_t base);
int child_make_read_only(const struct child_plan *plan);
int child_resize_layer(int layer_mount, uint64_t bytes);

#endif
