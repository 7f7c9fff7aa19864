/* Volumes: host directories below an allowed path, as detached mounts with mapped owners. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lower.h"
#include "store.h"
#include "userns.h"
#include "wall.h"

/* The path below the allowed directory `top`, "." for itself, NULL when it lies elsewhere. */
static const char *below(const char *path, const char *top) {
    size_t length = strlen(top);
    while (length > 1 && top[length - 1] == '/')
        length--;
    if (length == 1)
        return path + 1;
    if (strncmp(path, top, length) != 0 || (path[length] != 0 && path[length] != '/'))
        return NULL;
    return path[length] == 0 ? "." : path + length + 1;
}

/* Component by component, never through a link, never above the allowed directory. */
static int open_source(const struct config *config, const char *source, struct fault *fault) {
    int result = -EACCES;
    for (uint32_t i = 0; i < config->volume_count && result < 0; i++) {
        const char *rest = below(source, config->volumes[i]);
        if (rest == NULL)
            continue;
        char top[32];
        snprintf(top, sizeof top, TREE_VOLUMES "/%u", i);
        int dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
        result = dir < 0 ? -errno
                         : sys_openat2(dir, rest, O_PATH | O_DIRECTORY,
                                       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
        fd_close(&dir);
    }
    if (result == -ELOOP || result == -EXDEV)
        result = -EACCES;
    return result >= 0 ? result
                       : fault_set(fault, -result, "open-volume", "%.120s is not an allowed directory, or leaves it through a link", source);
}

/* The uid of the default user in the image, 1000 when it cannot be found: only the owner shown inside depends on it. */
static uid_t default_uid(const struct request *request) {
    static char text[65536];
    static struct lowers lowers;
    struct fault unused;
    size_t length = strcspn(request->user, ":"); /* what follows is a group */
    if (request->user[0] >= '0' && request->user[0] <= '9')
        return (uid_t)(strtoul(request->user, NULL, 10) & 0xffff);
    if (length == 4 && strncmp(request->user, "root", 4) == 0)
        return 0;
    if (strcmp(request->image, "host") == 0) {
        lowers.count = 1;
        snprintf(lowers.paths[0], sizeof lowers.paths[0], TREE_SKELETON);
    } else if (lowers_find(request->image, &lowers, &unused) < 0)
        lowers.count = 0;
    int file = -1;
    for (uint32_t i = 0; file < 0 && i < lowers.count; i++) {
        int root = sys_openat2(AT_FDCWD, lowers.paths[i], O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
        file = root < 0 ? root : sys_openat2(root, "etc/passwd", O_RDONLY | O_NONBLOCK, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
        fd_close(&root);
    }
    ssize_t n = file < 0 ? -1 : read(file, text, sizeof text - 1);
    fd_close(&file);
    text[n < 0 ? 0 : n] = 0;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        unsigned uid = 0;
        if (strncmp(line, request->user, length) == 0 && line[length] == ':' && sscanf(line + length, ":%*[^:]:%u", &uid) == 1)
            return uid & 0xffff;
    }
    return 1000;
}

int volume_open(const struct host *host, const struct request *request, uint32_t index, uid_t base, struct fault *fault) {
    const struct mount_request *mount = &request->mounts[index];
    struct stat info;
    int dir = mount->source[0] == '/' ? open_source(host->config, mount->source, fault) : store_find(mount->source, fault);
    if (dir < 0)
        return dir;
    if (fstat(dir, &info) < 0) {
        int error = errno;
        fd_close(&dir);
        return fault_set(fault, error, "open-volume", "cannot read %.120s", mount->source);
    }
    /* Root has no number inside, and the kernel makes no file in a directory whose owner or group has none. */
    if (!mount->read_only && (info.st_uid == 0 || info.st_gid == 0)) {
        fd_close(&dir);
        return fault_set(fault, EPERM, "open-volume",
                         "%.100s belongs to %s, and nothing of a Tiny VM may: give it an ordinary owner and group (chown), or mount it read-only",
                         mount->source, info.st_uid == 0 ? "root" : "root's group");
    }
    int userns = userns_for_volume(base, info.st_uid, info.st_gid, default_uid(request));
    int tree = userns < 0 ? userns : (int)syscall(SYS_open_tree, dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int result = userns < 0 ? userns : tree < 0 ? -errno : 0;
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (mount->read_only ? MOUNT_ATTR_RDONLY : 0ULL),
        .userns_fd = (unsigned long long)userns};
    if (result == 0 && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        result = -errno;
    fd_close(&userns);
    fd_close(&dir);
    if (result < 0) {
        fd_close(&tree);
        return fault_set(fault, -result, "map-volume", "cannot mount %.120s with mapped owners", mount->source);
    }
    return tree;
}
