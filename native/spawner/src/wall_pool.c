/*
 * Sandboxes kept ready: making one under gVisor takes more than a tenth of a second, so for each image that was used last
 * some are made in advance, with the guest already listening, and frozen. What makes a Tiny VM of one (limits, name, user)
 * is decided when it is taken. See wall.h.
 *
 * Only the file system is fixed by then, so a request with volumes or a read-only root is made anew; so is everything where
 * layers are tmpfs, whose size is fixed once the wall is in its user namespace.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "layer.h"
#include "wall.h"

enum { POOLED_IMAGES = 2 };

static struct {
    char image[IMAGE_BYTES];
    uint64_t used;
} images[POOLED_IMAGES];
static uint64_t uses;

uint64_t pool_image_inode(const char *image) {
    char path[PATH_BYTES];
    struct stat info;
    if (strcmp(image, "host") == 0)
        return 1;
    return format_path(path, sizeof path, TREE_IMAGES "/%s", image) == 0 && stat(path, &info) == 0 ? info.st_ino : 0;
}

static bool is_pooled(const struct wall *wall) {
    return wall->id[0] == 0 && wall->runtime == RUNTIME_RUNSC && (wall->state == WALL_BLANK || wall->state == WALL_BUILDING);
}

static void forget(const char *image) {
    for (uint32_t slot = 1; slot < walls_end(); slot++)
        if (is_pooled(wall_at(slot)) && strcmp(wall_at(slot)->image, image) == 0)
            wall_clean(slot);
}

static void note_use(const char *image) {
    size_t oldest = 0;
    for (size_t i = 0; i < POOLED_IMAGES; i++) {
        if (strcmp(images[i].image, image) == 0) {
            images[i].used = ++uses;
            return;
        }
        if (images[i].used < images[oldest].used)
            oldest = i;
    }
    if (images[oldest].image[0] != 0)
        forget(images[oldest].image);
    snprintf(images[oldest].image, sizeof images[oldest].image, "%s", image);
    images[oldest].used = ++uses;
}

uint32_t pool_take(const struct request *request) {
    if (request->runtime != RUNTIME_RUNSC || walls_host()->config->sandboxes == 0 || !layers_are_btrfs())
        return 0;
    note_use(request->image);
    if (request->mount_count > 0 || request->read_only_root)
        return 0;
    uint64_t inode = pool_image_inode(request->image);
    for (uint32_t slot = 1; slot < walls_end(); slot++) {
        struct wall *wall = wall_at(slot);
        if (!is_pooled(wall) || wall->state != WALL_BLANK || strcmp(wall->image, request->image) != 0)
            continue;
        if (wall->image_inode != inode) { /* removed or imported anew since */
            wall_clean(slot);
            continue;
        }
        if (cgroup_thaw(slot) == 0)
            return slot;
    }
    return 0;
}

bool pool_wants(enum runtime *runtime, char image[IMAGE_BYTES]) {
    if (walls_host()->config->sandboxes == 0)
        return false;
    for (uint32_t slot = 1; slot < walls_end(); slot++)
        if (is_pooled(wall_at(slot)) && wall_at(slot)->state == WALL_BUILDING)
            return false; /* one at a time: the processors belong to the Tiny VMs */
    for (size_t i = 0; i < POOLED_IMAGES; i++) {
        uint32_t ready = 0;
        if (images[i].image[0] == 0 || pool_image_inode(images[i].image) == 0)
            continue;
        for (uint32_t slot = 1; slot < walls_end(); slot++)
            ready += is_pooled(wall_at(slot)) && strcmp(wall_at(slot)->image, images[i].image) == 0;
        if (ready < walls_host()->config->sandboxes) {
            *runtime = RUNTIME_RUNSC;
            memcpy(image, images[i].image, IMAGE_BYTES);
            return true;
        }
    }
    return false;
}
