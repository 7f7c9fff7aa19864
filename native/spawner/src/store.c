/* See store.h. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool.h"

static struct {
    bool mounted;
    int root, qgroups;
    struct fault fault; /* why it is not mounted */
} store = {.root = -1, .qgroups = -1};

void store_open(const struct config *config, const char *mount_point) {
    if (config->volume_pool_file == NULL) {
        fault_set(&store.fault, ENOTSUP, "open-store", "this spawner was started without a file for named volumes");
        return;
    }
    store.mounted = pool_mount(config->volume_pool_file, config->volume_pool_bytes, true, mount_point, &store.qgroups, &store.fault) == 0;
}

void store_enter(void) {
    if (!store.mounted)
        return;
    store.root = open(TREE_STORE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store.root < 0) {
        store.mounted = false;
        fault_set(&store.fault, errno, "open-store", "cannot open the mounted store of named volumes");
    }
}

void store_close(void) {
    fd_close(&store.root);
    fd_close(&store.qgroups);
    if (store.mounted)
        umount2(TREE_STORE, MNT_DETACH);
    store.mounted = false;
}

size_t store_fds(int *out, size_t room) {
    size_t used = 0;
    if (store.root >= 0 && used < room)
        out[used++] = store.root;
    if (store.qgroups >= 0 && used < room)
        out[used++] = store.qgroups;
    return used;
}

static int need(struct fault *fault) {
    if (store.mounted)
        return 0;
    *fault = store.fault;
    return -fault->error;
}

/* The files of a volume belong to one user on disk, which each wall sees as its own default user (volume.c). */
static int make(const char *name) {
    int result = subvolume_make(store.root, name);
    if (result == -EEXIST)
        return 0;
    int fd = result < 0 ? result : subvolume_open(store.root, name);
    if (result == 0 && fd < 0)
        return fd;
    if (result == 0 && (fchmod(fd, 0755) < 0 || fchown(fd, VOLUME_OWNER, VOLUME_OWNER) < 0))
        result = -errno;
    fd_close(&fd);
    return result;
}

int store_make(const char *name, uint64_t bytes, struct fault *fault) {
    int result = need(fault);
    if (result < 0)
        return result;
    result = make(name);
    if (result == 0)
        result = subvolume_limit(store.root, name, bytes);
    return result == 0 ? 0 : fault_set(fault, -result, "make-volume", "cannot make the volume %s", name);
}

int store_remove(const char *name, struct fault *fault) {
    int result = need(fault);
    if (result < 0)
        return result;
    result = subvolume_remove(store.root, name);
    return result == 0 ? 0 : fault_set(fault, -result, "remove-volume", "cannot remove the volume %s", name);
}

int store_used(const char *name, uint64_t *bytes, struct fault *fault) {
    int result = need(fault);
    if (result < 0)
        return result;
    result = subvolume_used(store.root, store.qgroups, name, bytes);
    return result == 0 ? 0 : fault_set(fault, -result, "read-volume", "cannot read the figures of the volume %s", name);
}

int store_find(const char *name, struct fault *fault) {
    int result = need(fault);
    if (result < 0)
        return result;
    int fd = subvolume_open(store.root, name);
    return fd >= 0 ? fd : fault_set(fault, -fd, "open-volume", "there is no volume %s", name);
}
