/* See lower.h. */
#include "lower.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"

/* <sys/mount.h> and <linux/mount.h> do not go together in this libc. */
int umount2(const char *target, int flags);
#define MNT_DETACH 2

enum { MAX_MOUNTED = 1024, DIGEST_DIGITS = 64, RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

/*
 * EROFS files that this spawner mounted, or found mounted by the one before it, whose mount tree it has: each at a place
 * named by device and inode, which is no other file's while it is mounted.
 */
static struct mounted {
    bool used;
    int file; /* held to see when it is removed */
    char path[64];
} mounted[MAX_MOUNTED];

static int images_dir(void) {
    return open(TREE_IMAGES, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void unmount(size_t index) {
    umount2(mounted[index].path, MNT_DETACH);
    rmdir(mounted[index].path);
    fd_close(&mounted[index].file);
    mounted[index].used = false;
}

void lowers_sweep(void) {
    for (size_t i = 0; i < MAX_MOUNTED; i++) {
        struct stat info;
        if (mounted[i].used && (fstat(mounted[i].file, &info) < 0 || info.st_nlink == 0))
            unmount(i);
    }
}

void lowers_forget(void) {
    for (size_t i = 0; i < MAX_MOUNTED; i++)
        mounted[i] = (struct mounted){.file = -1};
}

/* A context for an EROFS file without a loop device, its own pages read past the page cache where the kernel can (6.15): else
 * each would be held twice. */
static int new_context(const char *source, bool direct) {
    int context = (int)syscall(SYS_fsopen, "erofs", FSOPEN_CLOEXEC);
    int result = context < 0 ? -errno : 0;
    if (result == 0 && (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", source, 0) < 0 ||
                        (direct && syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "directio", NULL, 0) < 0) ||
                        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0))
        result = -errno;
    if (result < 0) {
        fd_close(&context);
        return result;
    }
    return context;
}

static int mount_file(int file, const char *point) {
    char source[64];
    snprintf(source, sizeof source, "/proc/self/fd/%d", file);
    int context = new_context(source, true);
    if (context == -EINVAL)
        context = new_context(source, false);
    int tree = context < 0 ? context : (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
    int result = context < 0 ? context : tree < 0 ? -errno : 0;
    if (result == 0 && mkdir(point, 0700) < 0 && errno != EEXIST)
        result = -errno;
    if (result == 0 && syscall(SYS_move_mount, tree, "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        result = -errno;
    fd_close(&tree);
    fd_close(&context);
    return result;
}

static bool is_mount_point(const char *path) {
    struct statx info;
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &info) == 0 && (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* The mount point of an EROFS file, mounted when it is not. */
static int find_mount(int file, char *path, size_t room, struct fault *fault) {
    struct stat info;
    size_t index = MAX_MOUNTED;
    if (fstat(file, &info) < 0 || !S_ISREG(info.st_mode))
        return fault_set(fault, EINVAL, "open-image", "an image's rootfs.erofs is no file");
    int result = format_path(path, room, TREE_LOWERS "/%llx-%llx", (unsigned long long)info.st_dev, (unsigned long long)info.st_ino);
    if (result < 0)
        return result;
    for (size_t i = MAX_MOUNTED; i-- > 0;) {
        if (mounted[i].used && strcmp(mounted[i].path, path) == 0)
            return 0;
        index = mounted[i].used ? index : i;
    }
    if (index == MAX_MOUNTED)
        return fault_set(fault, EUSERS, "mount-image", "%d image layers are mounted, more are not allowed", MAX_MOUNTED);
    result = is_mount_point(path) ? 0 : mount_file(file, path);
    int held = result < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, 0);
    if (result == 0 && held < 0)
        result = -errno;
    if (result < 0)
        return fault_set(fault, -result, "mount-image",
                         "cannot mount an image's EROFS file without a loop device (Linux 6.12 can; on an older kernel pull the image again)");
    mounted[index] = (struct mounted){.used = true, .file = held};
    snprintf(mounted[index].path, sizeof mounted[index].path, "%s", path);
    return 0;
}

/* The tree in `name`, which is below the images: an EROFS file or a directory. */
static int add_tree(int images, const char *name, struct lowers *lowers, struct fault *fault) {
    char path[LOWER_PATH_BYTES];
    char *out = lowers->paths[lowers->count];
    int result = format_path(path, sizeof path, "%s/rootfs.erofs", name);
    int file = result < 0 ? result : sys_openat2(images, path, O_RDONLY, RESOLVE);
    if (file >= 0) {
        result = find_mount(file, out, LOWER_PATH_BYTES, fault);
        fd_close(&file);
    } else {
        if (file != -ENOENT)
            return file;
        result = format_path(path, sizeof path, "%s/rootfs", name);
        int dir = result < 0 ? result : sys_openat2(images, path, O_PATH | O_DIRECTORY, RESOLVE);
        if (dir < 0)
            return dir;
        fd_close(&dir);
        result = format_path(out, LOWER_PATH_BYTES, TREE_IMAGES "/%s", path);
    }
    lowers->count += result == 0;
    return result;
}

/* Lines of 64 hexadecimal digits, topmost layer first. */
static int add_layers(int images, const char *text, size_t length, struct lowers *lowers, struct fault *fault) {
    if (length == 0 || length % (DIGEST_DIGITS + 1) != 0 || length / (DIGEST_DIGITS + 1) > MAX_LOWERS)
        return -EBADMSG;
    for (size_t at = 0; at < length; at += DIGEST_DIGITS + 1) {
        char name[sizeof ".layers/" + DIGEST_DIGITS] = ".layers/";
        if (strspn(text + at, "0123456789abcdef") != DIGEST_DIGITS || text[at + DIGEST_DIGITS] != '\n')
            return -EBADMSG;
        memcpy(name + strlen(".layers/"), text + at, DIGEST_DIGITS);
        int result = add_tree(images, name, lowers, fault);
        if (result < 0)
            return result;
    }
    return 0;
}

static int find(int images, const char *image, struct lowers *lowers, struct fault *fault) {
    static char text[MAX_LOWERS * (DIGEST_DIGITS + 1) + 2];
    char path[LOWER_PATH_BYTES];
    int result = format_path(path, sizeof path, "%s/layers", image);
    int file = result < 0 ? result : sys_openat2(images, path, O_RDONLY, RESOLVE);
    if (file == -ENOENT)
        return add_tree(images, image, lowers, fault);
    if (file < 0)
        return file;
    ssize_t n = read(file, text, sizeof text - 1);
    result = n < 0 ? -errno : 0;
    fd_close(&file);
    text[n < 0 ? 0 : n] = 0;
    return result < 0 ? result : add_layers(images, text, (size_t)n, lowers, fault);
}

int lowers_find(const char *image, struct lowers *lowers, struct fault *fault) {
    lowers->count = 0;
    lowers_sweep();
    int images = images_dir();
    fault->error = 0;
    int result = images < 0 ? -errno : find(images, image, lowers, fault);
    fd_close(&images);
    if (result == 0 || fault->error != 0)
        return result;
    if (result == -EBADMSG)
        return fault_set(fault, EBADMSG, "open-image", "the list of layers of image %s is damaged; pull it again", image);
    if (result == -ENOENT || result == -ENOTDIR || result == -ELOOP || result == -EXDEV)
        return fault_set(fault, ENOENT, "open-image", "there is no image %s, or a layer of it is missing", image);
    return fault_set(fault, -result, "open-image", "cannot open image %s", image);
}
