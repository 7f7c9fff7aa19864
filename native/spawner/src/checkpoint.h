/*
 * Checkpoints: a Tiny VM behind gVisor, written to disk while it runs. Each is a btrfs subvolume `c-<name>` in the pool of
 * writable layers:
 *
 *   image/   what runsc wrote: processes, memory, files in memory. For root only; parsed by nobody but a sandboxed sentry
 *   layer/   a snapshot of the writable layer at the same moment
 *   guest    the guest's program, which is mapped in that memory
 *   meta     the uid range that the layer's owners are in, sizes, and what shows that the image is still the same
 *
 * While it is being made it is called `t-<name>`; only what is whole and on disk gets the other name.
 */
#ifndef SPAWNER_CHECKPOINT_H
#define SPAWNER_CHECKPOINT_H

#include "wall.h"

enum { MAX_CHECKPOINTS = 512 };

#define CHECKPOINT_IMAGE "image"
#define CHECKPOINT_LAYER "layer"

struct checkpoint_meta {
    uid_t base; /* of the uid range on disk */
    uint64_t layer_bytes;
    uint64_t image_bytes;
    uint64_t underneath; /* checkpoint_underneath of the image then */
};

/* checkpoint.c: what exists. */

/* Calls visit(NULL, count, …), then once for each. */
int checkpoints_list(void (*visit)(const char *name, uint64_t bytes, void *context), void *context, struct fault *fault);
/* What is not there is removed. EBUSY while a wall is being made from it. */
int checkpoint_remove(const char *name, struct fault *fault);
int checkpoint_read(const char *name, struct checkpoint_meta *meta, struct fault *fault);
/*
 * A number that changes when files of the image do. gVisor maps them anew at a restore and does not look whether they are
 * the same. An image by digest cannot change (0); for `host` it is the times of the directories that programs and libraries
 * are renamed into; for others the directory itself.
 */
uint64_t checkpoint_underneath(const char *image);
#define CHECKPOINT_GUEST "guest"
/* The writable layer of a new wall as a snapshot of the checkpoint's. */
int checkpoint_make_layer(const char *name, uint32_t slot, uid_t disk_base, struct fault *fault);
/* The uid range in which a slot's layer keeps its owners: the wall's own, unless it was made from a checkpoint. */
uid_t checkpoint_disk_base(int layer, uid_t base);
/* With the prefix: removes the subvolume with the layer inside. */
int checkpoint_remove_tree(const char *directory);
/* Half-written ones of an earlier spawner: removed, and their walls go on. */
void checkpoints_sweep(void);

/* checkpoint_make.c: a process of its own writes one; server_checkpointed follows. */
int checkpoint_begin(uint32_t slot, const struct request *request, struct fault *fault);
void checkpoint_event(uint32_t index);
/* A wall whose checkpoint's maker died: it is resumed and its guest is woken. */
void checkpoint_recover(uint32_t slot);
/* Implemented by server.c. */
void server_checkpointed(const char *id, uint64_t bytes, const struct fault *fault);

/* checkpoint_stage.c: inside of a wall's stage. */

/* Runs a command of the runtime there, as root of the wall's user namespace and in its cgroup. `image`: -1 or descriptor 3. */
int stage_command(uint32_t slot, const char *command, const char *const *options, int image, int64_t deadline, struct fault *fault);
/* Whether the guest has let go of its socket. */
bool stage_is_away(const struct wall *wall);
/* Tells the guest to come back. */
int stage_wake(uint32_t slot);
/* 0 while its guest may leave and come back; -ENOSPC when it did too often. */
int stage_may_leave(uint32_t slot);
/* Unmounts the image from which the wall was made. */
int stage_forget_image(uint32_t slot);

#endif
