/* See layer.h. */
#include "layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pool.h"

static struct {
    bool btrfs;
    int pool;    /* the mounted file system's root */
    int qgroups; /* /sys/fs/btrfs/<id>/qgroups, -1 on old kernels */
} state = {.pool = -1, .qgroups = -1};

bool layers_are_btrfs(void) {
    return state.btrfs;
}

const char *layers_name(void) {
    return state.btrfs ? "btrfs" : "tmpfs";
}

size_t layers_fds(int *out, size_t room) {
    size_t used = 0;
    if (state.pool >= 0 && used < room)
        out[used++] = state.pool;
    if (state.qgroups >= 0 && used < room)
        out[used++] = state.qgroups;
    return used;
}

static int pool_path(const struct config *config, char *out, size_t room) {
    return config->pool_file != NULL ? format_path(out, room, "%s", config->pool_file)
                                     : format_path(out, room, "%s/" PRIVATE_DIR "/pool", config->run);
}

int layers_open(const struct config *config, const char *mount_point, struct fault *fault) {
    if (config->layers == LAYERS_TMPFS)
        return 0;
    char path[PATH_BYTES];
    int result = pool_path(config, path, sizeof path);
    if (result < 0)
        return fault_set(fault, -result, "open-pool", "the pool file's path is too long");
    result = pool_mount(path, config->pool_bytes, false, mount_point, &state.qgroups, fault);
    state.btrfs = result == 0;
    return config->layers == LAYERS_AUTO ? 0 : result;
}

int layers_enter(struct fault *fault) {
    if (!state.btrfs)
        return 0;
    state.pool = open(TREE_POOL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return state.pool < 0 ? fault_set(fault, errno, "open-pool", "cannot open the mounted pool") : 0;
}

void layers_close(void) {
    if (!state.btrfs)
        return;
    fd_close(&state.pool);
    fd_close(&state.qgroups);
    umount2(TREE_POOL, MNT_DETACH);
}

/* ---- one layer ---- */

int layers_pool(void) {
    return state.pool;
}

const char *layer_name(uint32_t slot) {
    static char name[16];
    snprintf(name, sizeof name, "l%u", slot);
    return name;
}

int layer_make(uint32_t slot, struct fault *fault) {
    int result = state.btrfs ? subvolume_make(state.pool, layer_name(slot)) : 0;
    return result == 0 ? 0 : fault_set(fault, -result, "make-layer", "cannot make the writable layer");
}

int layer_limit(uint32_t slot, uint64_t bytes, struct fault *fault) {
    int result = state.btrfs ? subvolume_limit(state.pool, layer_name(slot), bytes) : 0;
    return result == 0 ? 0 : fault_set(fault, -result, "limit-layer", "cannot bound the writable layer");
}

int layer_remove(uint32_t slot) {
    return state.btrfs ? subvolume_remove(state.pool, layer_name(slot)) : 0;
}

void layers_each_slot(void (*visit)(uint32_t slot, void *context), void *context) {
    int fd = state.btrfs ? openat(state.pool, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        unsigned slot = 0;
        if (sscanf(entry->d_name, "l%u", &slot) == 1)
            visit(slot, context);
    }
    closedir(dir);
}

int layer_used(uint32_t slot, pid_t pid, bool staged, uint64_t *bytes) {
    *bytes = 0;
    if (state.btrfs)
        return subvolume_used(state.pool, state.qgroups, layer_name(slot), bytes);
    if (pid <= 0)
        return 0;
    char root[48];
    struct statfs space;
    snprintf(root, sizeof root, "/proc/%d/root%s", pid, staged ? "/rootfs" : "");
    if (statfs(root, &space) < 0)
        return -errno;
    *bytes = ((uint64_t)space.f_blocks - space.f_bfree) * (uint64_t)space.f_bsize;
    return 0;
}
