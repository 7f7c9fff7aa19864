/*
 * The mounts of a wall, made by the child in its own mount namespace while it is still the host's root. The namespace
 * belongs to the host's user namespace, so that inside, even with every capability of the Tiny VM's own user namespace,
 * nothing can be mounted, unmounted or moved.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "config.h"

/* <sys/mount.h> and <linux/mount.h> do not go together in this libc. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);
#define MNT_DETACH 2

#define OVERLAY_OPTIONS "volatile,redirect_dir=on,index=off,metacopy=off,xino=off,nfs_export=off"

int child_bind_mapped(const char *path, uint64_t resolve, int userns, const char *target) {
    int dir = sys_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, resolve);
    if (dir < 0)
        return dir;
    int tree = (int)syscall(SYS_open_tree, dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int result = tree < 0 ? -errno : 0;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV,
                                    .userns_fd = (unsigned long long)userns};
    if (result == 0 && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        result = -errno;
    if (result == 0 && syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        result = -errno;
    fd_close(&tree);
    fd_close(&dir);
    return result;
}

static int set_read_only(const char *path, uint64_t more) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | more};
    return syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

static int mount_lower(const struct child_plan *plan, struct fault *fault) {
    if (plan->host_image) {
        int result = child_bind_mapped(TREE_SKELETON, 0, plan->userns, TREE_LOWER);
        if (result == 0)
            result = child_bind_mapped(TREE_USR, 0, plan->userns, TREE_LOWER_USR);
        return result == 0 ? 0 : fault_set(fault, -result, "map-image",
                                           "cannot bind image host with mapped ids (the file system of /usr or of the run "
                                           "directory may lack idmapped mounts)");
    }
    for (uint32_t i = 0; i < plan->lowers->count; i++) {
        char point[64];
        snprintf(point, sizeof point, TREE_STACK "/%u", i);
        int result = child_bind_mapped(plan->lowers->paths[i], RESOLVE_NO_SYMLINKS, plan->userns, point);
        if (result < 0)
            return fault_set(fault, -result, "map-image", "cannot bind %.100s with mapped ids", plan->lowers->paths[i]);
    }
    return 0;
}

/* Whether the image has this path, and what it is there: the topmost layer that has it counts. */
static bool image_has(const struct child_plan *plan, const char *name, struct stat *info) {
    char path[128];
    uint32_t count = plan->host_image ? 1 : plan->lowers->count;
    for (uint32_t i = 0; i < count; i++) {
        if (plan->host_image)
            snprintf(path, sizeof path, TREE_LOWER "/%s", name);
        else
            snprintf(path, sizeof path, TREE_STACK "/%u/%s", i, name);
        if (lstat(path, info) == 0)
            return !S_ISCHR(info->st_mode); /* a mark that hides it */
        if (errno == ENOTDIR || errno == ELOOP)
            return false;
    }
    return false;
}

static int make_owned_dir(const char *path, uid_t base) {
    if (mkdir(path, 0755) < 0 || chown(path, base, base) < 0)
        return -errno;
    return 0;
}

static int make_empty_file(const char *path, uid_t base) {
    int result = create_file_at(AT_FDCWD, path, 0644, "", 0);
    return result == 0 && chown(path, base, base) < 0 ? -errno : result;
}

/* Files whose content depends on the request are made empty in the upper layer now, so that filling them later copies
 * nothing up. An image whose /etc is not a directory, or holds links in their place, keeps what it has. */
static int make_etc(const struct child_plan *plan, const char *layer) {
    static const char *const names[] = {"hostname", "hosts", "resolv.conf"};
    char path[256];
    struct stat info;
    if (!image_has(plan, "etc", &info) || !S_ISDIR(info.st_mode))
        return 0;
    snprintf(path, sizeof path, "%s/u/etc", layer);
    int result = make_owned_dir(path, plan->base);
    for (size_t i = 0; result == 0 && i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "etc/%s", names[i]);
        bool there = image_has(plan, path, &info);
        if ((there && S_ISDIR(info.st_mode)) || (i == 2 && there && !S_ISLNK(info.st_mode)))
            continue;
        snprintf(path, sizeof path, "%s/u/etc/%s", layer, names[i]);
        result = make_empty_file(path, plan->base);
    }
    return result;
}

/* A layer that comes from a checkpoint is whole; only its owners are those of the wall that it was written from. */
static int take_layer(const struct child_plan *plan, char *layer, struct fault *fault) {
    snprintf(layer, 32, TREE_POOL "/l%u", plan->slot);
    if (plan->layer_userns < 0)
        return 0;
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, layer, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV, .userns_fd = (unsigned long long)plan->layer_userns};
    int result = tree < 0 ? -errno : 0;
    if (result == 0 && (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ||
                        syscall(SYS_move_mount, tree, "", AT_FDCWD, TREE_LAYER, MOVE_MOUNT_F_EMPTY_PATH) < 0))
        result = -errno;
    fd_close(&tree);
    snprintf(layer, 32, TREE_LAYER);
    return result == 0 ? 0 : fault_set(fault, -result, "map-layer", "cannot mount the checkpoint's layer with mapped owners");
}

static int make_layer(const struct child_plan *plan, char *layer, int *layer_mount, struct fault *fault) {
    static const char *const names[] = {"u", "w", "uu", "uw"};
    char path[64];
    int result = 0;
    if (plan->btrfs)
        snprintf(layer, 32, TREE_POOL "/l%u", plan->slot);
    else {
        snprintf(layer, 32, TREE_LAYER);
        if (mount("layer", TREE_LAYER, "tmpfs", MS_NODEV, "mode=0700,size=1m") < 0)
            return fault_set(fault, errno, "mount-layer", "cannot mount a tmpfs for the writable layer");
        *layer_mount = open(TREE_LAYER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    for (size_t i = 0; result == 0 && i < (plan->host_image ? 4 : 2); i++) {
        snprintf(path, sizeof path, "%s/%s", layer, names[i]);
        result = make_owned_dir(path, plan->base);
    }
    if (result == 0)
        result = make_etc(plan, layer);
    return result == 0 ? 0 : fault_set(fault, -result, "fill-layer", "cannot prepare the writable layer");
}

static int mount_overlays(const struct child_plan *plan, const char *layer, struct fault *fault) {
    char options[512], lowers[MAX_LOWERS * 4 + 1] = TREE_LOWER;
    size_t used = 0;
    /* By number from within their directory: names of all of them would not fit a page. */
    for (uint32_t i = 0; !plan->host_image && i < plan->lowers->count; i++)
        used += (size_t)snprintf(lowers + used, sizeof lowers - used, i == 0 ? "%u" : ":%u", i);
    char all[sizeof options + sizeof lowers];
    snprintf(all, sizeof all, "lowerdir=%s,upperdir=%s/u,workdir=%s/w," OVERLAY_OPTIONS, lowers, layer, layer);
    int failed = chdir(TREE_STACK) < 0 || mount("tinyvm", TREE_ROOT, "overlay", MS_NODEV, all) < 0 ? errno : 0;
    if (failed != 0 || chdir("/") < 0)
        return fault_set(fault, failed != 0 ? failed : errno, "mount-overlay", "cannot mount the root file system");
    if (!plan->host_image)
        return 0;
    snprintf(options, sizeof options, "lowerdir=" TREE_LOWER_USR ",upperdir=%s/uu,workdir=%s/uw," OVERLAY_OPTIONS, layer, layer);
    if (mount("tinyvm", TREE_ROOT "/usr", "overlay", MS_NODEV, options) < 0)
        return fault_set(fault, errno, "mount-overlay", "cannot mount /usr");
    for (uint32_t i = 0; i < plan->host_dirs->count; i++) {
        char from[64], to[64];
        snprintf(from, sizeof from, TREE_HOST_DIRS "/%s", plan->host_dirs->names[i]);
        snprintf(to, sizeof to, TREE_ROOT "/%s", plan->host_dirs->names[i]);
        int result = child_bind_mapped(from, 0, plan->userns, to);
        if (result < 0)
            return fault_set(fault, -result, "mount-host-directory", "cannot bind /%s", plan->host_dirs->names[i]);
    }
    return 0;
}

/* From here on absolute paths mean the Tiny VM's own tree, so its links cannot lead out of it, and relative ones the
 * spawner's, which stays the current directory until the last step. */
static int enter_root(struct fault *fault) {
    int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = old < 0 || chdir(TREE_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || fchdir(old) < 0 ? -errno : 0;
    fd_close(&old);
    return result == 0 ? 0 : fault_set(fault, -result, "pivot-root", "cannot make the overlay the root");
}

/* A mount point below the new root: made when missing, refused when it is a link, which could name any place. */
static int ensure_dir(const char *path) {
    struct stat info;
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    return lstat(path, &info) < 0 ? -errno : S_ISDIR(info.st_mode) ? 0 : -ENOTDIR;
}

static int bind_template(const char *old, const char *from, const char *to, uint64_t more) {
    char path[128];
    snprintf(path, sizeof path, "%s%s", old, from);
    if (mount(path, to, NULL, MS_BIND, NULL) < 0)
        return -errno;
    return set_read_only(to, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | more);
}

static int mount_proc(const struct child_plan *plan, const char *old) {
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return -errno;
    /* The network namespace belongs to the host's root, so low ports and ping are opened to the Tiny VM here. */
    char range[32];
    snprintf(range, sizeof range, "%u %u", plan->base, plan->base + 65534U);
    int result = write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    if (result == 0)
        result = write_file("/proc/sys/net/ipv4/ping_group_range", range);
    char path[64], null_device[128];
    snprintf(null_device, sizeof null_device, "%s" TREE_DEV "/null", old);
    for (uint32_t i = 0; result == 0 && i < plan->masks->count; i++) {
        snprintf(path, sizeof path, "/proc/%s", plan->masks->items[i].name);
        switch (plan->masks->items[i].kind) {
        case MASK_FILE: result = mount(null_device, path, NULL, MS_BIND, NULL) < 0 ? -errno : 0; break;
        case MASK_DIR: result = bind_template(old, TREE_EMPTY, path, MOUNT_ATTR_NODEV); break;
        case MASK_READ_ONLY:
            result = mount(path, path, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
            if (result == 0)
                result = set_read_only(path, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
            break;
        }
    }
    return result;
}

static int mount_dev(const struct child_plan *plan, const char *old) {
    char options[96];
    int result = bind_template(old, TREE_DEV, "/dev", 0);
    snprintf(options, sizeof options, "newinstance,ptmxmode=0666,mode=0620,gid=%u", plan->base + 5);
    if (result == 0 && mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, options) < 0)
        result = -errno;
    if (result == 0 && mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m") < 0)
        result = -errno;
    return result;
}

static int mount_kernel_trees(const struct child_plan *plan, struct fault *fault) {
    static const char *const points[] = {"/proc", "/sys", "/dev"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        int result = ensure_dir(points[i]);
        if (result < 0)
            return fault_set(fault, -result, "mount-point", "the image has no usable %s", points[i]);
    }
    int result = mount_proc(plan, ".");
    if (result < 0)
        return fault_set(fault, -result, "mount-proc", "cannot mount and mask /proc");
    result = bind_template(".", TREE_SYS, "/sys", MOUNT_ATTR_NODEV);
    if (result < 0)
        return fault_set(fault, -result, "mount-sys", "cannot mount /sys");
    result = mount_dev(plan, ".");
    return result == 0 ? 0 : fault_set(fault, -result, "mount-dev", "cannot mount /dev");
}

/* The root file system, finished, at TREE_ROOT. */
int child_mount_root(const struct child_plan *plan, int *layer_mount, struct fault *fault) {
    char layer[32];
    int result = mount_lower(plan, fault);
    if (result == 0)
        result = plan->checkpoint[0] != 0 ? take_layer(plan, layer, fault) : make_layer(plan, layer, layer_mount, fault);
    return result == 0 ? mount_overlays(plan, layer, fault) : result;
}

int child_mount_all(const struct child_plan *plan, int *layer_mount, struct fault *fault) {
    int result = child_mount_root(plan, layer_mount, fault);
    if (result == 0)
        result = enter_root(fault);
    if (result == 0)
        result = mount_kernel_trees(plan, fault);
    /* pivot_root(".", ".") left the old root stacked upon the new one, where umount finds it first. */
    if (result == 0 && (chdir("/") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0))
        result = fault_set(fault, errno, "leave-host", "cannot let go of the spawner's mount tree");
    return result;
}

int child_make_read_only(const struct child_plan *plan) {
    int result = set_read_only("/", 0);
    return result == 0 && plan->host_image ? set_read_only("/usr", 0) : result;
}

/* The tmpfs is no longer in any mount tree; the descriptor alone names it. */
int child_resize_layer(int layer_mount, uint64_t bytes) {
    char size[32], inodes[32];
    /* A tmpfs counts whole pages; one is kept back, so that exactly `bytes` of data do not fit beside the names. */
    snprintf(size, sizeof size, "%llu", (unsigned long long)((bytes & ~4095ULL) - 4096));
    snprintf(inodes, sizeof inodes, "%llu", (unsigned long long)(bytes / 4096 + 1024));
    int context = (int)syscall(SYS_fspick, layer_mount, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
    int result = context < 0 ? -errno : 0;
    if (result == 0 && (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
                        syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0) < 0 ||
                        syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0))
        result = -errno;
    fd_close(&context);
    return result;
}
