/* See checkpoint.h: what exists on disk. */
#include "checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer.h"
#include "pool.h"

enum { DIRECTORY_BYTES = ID_BYTES + 2 };

static int need_pool(struct fault *fault) {
    return layers_pool() >= 0 ? 0
                              : fault_set(fault, EOPNOTSUPP, "find-checkpoints",
                                          "checkpoints need writable layers on btrfs (package btrfs-progs, and a kernel with btrfs)");
}

static int open_checkpoint(const char *name, struct fault *fault) {
    char directory[DIRECTORY_BYTES];
    int result = need_pool(fault);
    if (result < 0)
        return result;
    snprintf(directory, sizeof directory, "c-%s", name);
    int fd = subvolume_open(layers_pool(), directory);
    return fd >= 0 ? fd : fault_set(fault, -fd, "find-checkpoint", "there is no checkpoint %s", name);
}

static int read_meta(int directory, struct checkpoint_meta *meta) {
    char text[128];
    ssize_t n = read_file_at(directory, "meta", text, sizeof text);
    if (n < 0)
        return (int)n;
    return sscanf(text, "1 %u %" SCNu64 " %" SCNu64 " %" SCNu64, &meta->base, &meta->layer_bytes, &meta->image_bytes, &meta->underneath) == 4 ? 0 : -EBADMSG;
}

int checkpoint_read(const char *name, struct checkpoint_meta *meta, struct fault *fault) {
    int directory = open_checkpoint(name, fault);
    if (directory < 0)
        return directory;
    int result = read_meta(directory, meta);
    fd_close(&directory);
    return result == 0 ? 0 : fault_set(fault, -result, "read-checkpoint", "the checkpoint %s is damaged", name);
}

/* Those whose names begin with `prefix`, one of "c-" and "t-". */
static int each_directory(const char *prefix, void (*visit)(const char *directory, void *context), void *context) {
    int fd = openat(layers_pool(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, prefix, 2) == 0 && strlen(entry->d_name) < DIRECTORY_BYTES)
            visit(entry->d_name, context);
    closedir(dir);
    return 0;
}

struct listing {
    void (*visit)(const char *name, uint64_t bytes, void *context);
    void *context;
    uint32_t count;
};

static void count_one(const char *directory, void *context) {
    struct listing *listing = context;
    (void)directory;
    listing->count++;
}

static void tell_one(const char *directory, void *context) {
    struct listing *listing = context;
    struct checkpoint_meta meta = {0};
    int fd = subvolume_open(layers_pool(), directory);
    if (fd >= 0)
        (void)read_meta(fd, &meta); /* a damaged one is listed with 0 bytes, so that it can be removed */
    fd_close(&fd);
    if (listing->count > 0)
        listing->visit(directory + 2, meta.layer_bytes + meta.image_bytes, listing->context);
    listing->count -= listing->count > 0;
}

int checkpoints_list(void (*visit)(const char *name, uint64_t bytes, void *context), void *context, struct fault *fault) {
    struct listing listing = {.visit = visit, .context = context};
    if (layers_pool() < 0) {
        visit(NULL, 0, context);
        return 0;
    }
    int result = each_directory("c-", count_one, &listing);
    if (result < 0)
        return fault_set(fault, -result, "list-checkpoints", "cannot read the checkpoints");
    listing.count = listing.count > MAX_CHECKPOINTS ? MAX_CHECKPOINTS : listing.count;
    visit(NULL, listing.count, context);
    return each_directory("c-", tell_one, &listing);
}

int checkpoint_remove_tree(const char *directory) {
    int fd = subvolume_open(layers_pool(), directory);
    if (fd == -ENOENT)
        return 0;
    int result = fd < 0 ? fd : subvolume_remove(fd, CHECKPOINT_LAYER);
    fd_close(&fd);
    return result == 0 ? subvolume_remove(layers_pool(), directory) : result;
}

int checkpoint_remove(const char *name, struct fault *fault) {
    char directory[DIRECTORY_BYTES], going[DIRECTORY_BYTES];
    int result = need_pool(fault);
    if (result < 0)
        return result;
    for (uint32_t slot = 1; slot < walls_end(); slot++)
        if (wall_at(slot)->state != WALL_FREE && strcmp(wall_at(slot)->checkpoint, name) == 0)
            return fault_set(fault, EBUSY, "remove-checkpoint", "%s is being made from it", wall_at(slot)->id);
    snprintf(directory, sizeof directory, "c-%s", name);
    snprintf(going, sizeof going, "t-%s", name);
    /* Under this name the next spawner removes it, should this one be killed on the way. */
    if (renameat(layers_pool(), directory, layers_pool(), going) < 0)
        return errno == ENOENT ? 0 : fault_set(fault, errno, "remove-checkpoint", "cannot remove the checkpoint %s", name);
    result = checkpoint_remove_tree(going);
    return result == 0 ? 0 : fault_set(fault, -result, "remove-checkpoint", "cannot remove the checkpoint %s", name);
}

/* ---- a layer from a checkpoint ---- */

static uint64_t mix(uint64_t hash, uint64_t number) {
    for (int i = 0; i < 8; i++)
        hash = (hash ^ (number >> (8 * i) & 0xff)) * 0x100000001b3ULL; /* FNV-1a */
    return hash;
}

uint64_t checkpoint_underneath(const char *image) {
    static const char *const places[] = {"bin", "sbin", "lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "local/bin", "local/lib"};
    uint64_t hash = 0xcbf29ce484222325ULL;
    if (strncmp(image, "sha256-", 7) == 0)
        return 0;
    if (strcmp(image, "host") != 0)
        return pool_image_inode(image);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[64];
        struct stat info;
        snprintf(path, sizeof path, TREE_USR "/%s", places[i]);
        if (stat(path, &info) == 0)
            hash = mix(mix(hash, (uint64_t)info.st_mtim.tv_sec), (uint64_t)info.st_mtim.tv_nsec);
    }
    return hash;
}

uid_t checkpoint_disk_base(int layer, uid_t base) {
    uint64_t found = 0;
    return read_number_at(layer, "base", &found) == 0 ? (uid_t)found : base;
}

/* overlayfs wants an empty work directory, and refuses one that a volatile mount has used. */
static int renew_work(int layer, const char *name, uid_t owner) {
    struct stat info;
    if (fstatat(layer, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    int result = remove_tree_at(layer, name);
    if (result == 0 && (mkdirat(layer, name, 0755) < 0 || fchownat(layer, name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0))
        result = -errno;
    return result;
}

int checkpoint_make_layer(const char *name, uint32_t slot, uid_t disk_base, struct fault *fault) {
    int directory = open_checkpoint(name, fault);
    if (directory < 0)
        return directory;
    int source = subvolume_open(directory, CHECKPOINT_LAYER);
    int result = source < 0 ? source : subvolume_snapshot(source, layers_pool(), layer_name(slot));
    int layer = result < 0 ? result : subvolume_open(layers_pool(), layer_name(slot));
    result = layer < 0 ? layer : renew_work(layer, "w", disk_base);
    if (result == 0)
        result = renew_work(layer, "uw", disk_base);
    fd_close(&layer);
    fd_close(&source);
    fd_close(&directory);
    return result == 0 ? 0 : fault_set(fault, -result, "make-layer", "cannot make the writable layer from the checkpoint %s", name);
}

/* ---- after a spawner was killed ---- */

/* The maker of a checkpoint goes on when the spawner dies; it holds a lock on the directory. */
static bool is_being_made(int directory) {
    return flock(directory, LOCK_EX | LOCK_NB) < 0;
}

static void sweep_one(const char *name, void *context) {
    char id[ID_BYTES];
    bool cleaning = false;
    (void)context;
    int directory = subvolume_open(layers_pool(), name);
    if (directory >= 0 && is_being_made(directory)) {
        fd_close(&directory);
        return;
    }
    if (directory >= 0 && read_file_at(directory, "source", id, sizeof id) > 0) {
        uint32_t slot = wall_find(id, &cleaning);
        if (slot != 0 && wall_at(slot)->state == WALL_RUNNING)
            checkpoint_recover(slot);
    }
    fd_close(&directory);
    (void)checkpoint_remove_tree(name); /* what cannot be removed now is tried again at the next start */
}

void checkpoints_sweep(void) {
    if (layers_pool() >= 0)
        (void)each_directory("t-", sweep_one, NULL);
}
