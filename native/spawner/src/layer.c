/*
 * See layer.h. The pool is a sparse file behind a loop device that frees itself when the last user goes, so nothing is
 * left when everything is killed. Walls that outlive both spawner and supervisor keep the file system alive; a new
 * spawner finds the same loop device by the file's inode and mounts the same file system again.
 */
#include "layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA
#define BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA 4 /* Linux 6.7 */
#endif

#define POOL_DEFAULT_BYTES (64ULL << 30)
#define POOL_MIN_BYTES (256ULL << 20)

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

/* ---- the pool file and its loop device ---- */

static int pool_path(const struct config *config, char *out, size_t room) {
    return config->pool_file != NULL ? format_path(out, room, "%s", config->pool_file)
                                     : format_path(out, room, "%s/" PRIVATE_DIR "/pool", config->run);
}

static int64_t pool_size(const struct config *config, const char *path) {
    if (config->pool_bytes != 0)
        return (int64_t)config->pool_bytes;
    struct statvfs space;
    char dir[PATH_BYTES];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == NULL || (*slash = 0, statvfs(slash == dir ? "/" : dir, &space) < 0))
        return (int64_t)POOL_MIN_BYTES;
    uint64_t free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    uint64_t bytes = free_bytes < POOL_DEFAULT_BYTES ? free_bytes : POOL_DEFAULT_BYTES;
    return (int64_t)((bytes < POOL_MIN_BYTES ? POOL_MIN_BYTES : bytes) & ~0xfffffULL);
}

static bool holds_btrfs(int file) {
    char magic[8];
    return pread(file, magic, sizeof magic, 0x10040) == (ssize_t)sizeof magic && memcmp(magic, "_BHRfS_M", 8) == 0;
}

static int run_mkfs(const char *path) {
    static const char *const places[] = {"/usr/sbin/mkfs.btrfs", "/sbin/mkfs.btrfs", "/usr/bin/mkfs.btrfs", "/bin/mkfs.btrfs"};
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
            _exit(126);
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            execl(places[i], "mkfs.btrfs", "-q", "-f", "-K", "-m", "single", "-d", "single", "-L", "tinyvm", path, (char *)NULL);
        _exit(errno == ENOENT ? 127 : 126);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return -ENOENT;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* The loop device that already serves this file, or -ENOENT. */
static int find_loop(int file) {
    struct stat info;
    if (fstat(file, &info) < 0)
        return -errno;
    for (int i = 0; i < 256; i++) {
        char path[32];
        struct loop_info64 loop;
        snprintf(path, sizeof path, "/dev/loop%d", i);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (ioctl(fd, LOOP_GET_STATUS64, &loop) == 0 && loop.lo_inode == info.st_ino && loop.lo_device == info.st_dev)
            return fd;
        fd_close(&fd);
    }
    return -ENOENT;
}

static int attach_loop(int file) {
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return -errno;
    int result = -EBUSY;
    for (int attempt = 0; attempt < 64 && result == -EBUSY; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) {
            result = -errno;
            break;
        }
        char path[32];
        snprintf(path, sizeof path, "/dev/loop%d", number);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            result = -errno;
            break;
        }
        /* Direct I/O: the file's pages are not cached a second time. Not every file system has it. */
        struct loop_config loop = {.fd = (uint32_t)file, .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO};
        result = ioctl(fd, LOOP_CONFIGURE, &loop) == 0 ? fd : -errno;
        if (result == -EINVAL) {
            loop.info.lo_flags = LO_FLAGS_AUTOCLEAR;
            result = ioctl(fd, LOOP_CONFIGURE, &loop) == 0 ? fd : -errno;
        }
        if (result < 0)
            fd_close(&fd);
    }
    fd_close(&control);
    return result;
}

static int mount_loop(int loop, const char *mount_point) {
    char device[64];
    snprintf(device, sizeof device, "/proc/self/fd/%d", loop);
    return mount(device, mount_point, "btrfs", MS_NOATIME, "discard=async") < 0 ? -errno : 0;
}

/* Simple quotas cost nothing at commit time; before Linux 6.7 the classic ones have to do. */
static int enable_quota(int pool) {
    struct btrfs_ioctl_quota_ctl_args simple = {.cmd = BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA};
    struct btrfs_ioctl_quota_ctl_args classic = {.cmd = BTRFS_QUOTA_CTL_ENABLE};
    if (ioctl(pool, BTRFS_IOC_QUOTA_CTL, &simple) == 0 || errno == EEXIST)
        return 0;
    return ioctl(pool, BTRFS_IOC_QUOTA_CTL, &classic) == 0 || errno == EEXIST ? 0 : -errno;
}

static void open_statistics(int pool) {
    struct btrfs_ioctl_fs_info_args info;
    memset(&info, 0, sizeof info);
    if (ioctl(pool, BTRFS_IOC_FS_INFO, &info) < 0)
        return;
    char path[96] = "/sys/fs/btrfs/";
    size_t used = strlen(path);
    for (int i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        used += (size_t)snprintf(path + used, sizeof path - used, "%s%02x", dash ? "-" : "", info.fsid[i]);
    }
    snprintf(path + used, sizeof path - used, "/qgroups");
    state.qgroups = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_btrfs(const struct config *config, const char *mount_point, struct fault *fault) {
    char path[PATH_BYTES];
    int result = pool_path(config, path, sizeof path);
    int file = result < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return fault_set(fault, result < 0 ? -result : errno, "open-pool", "cannot open the pool file %s", path);
    int loop = find_loop(file);
    bool formatted = loop >= 0 || holds_btrfs(file);
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!formatted) {
            result = ftruncate(file, 0) < 0 || ftruncate(file, pool_size(config, path)) < 0 ? -errno : run_mkfs(path);
            if (result < 0) {
                fault_set(fault, -result, "format-pool", "cannot format %s with mkfs.btrfs (package btrfs-progs)", path);
                break;
            }
        }
        loop = loop >= 0 ? loop : attach_loop(file);
        if (loop < 0) {
            result = fault_set(fault, -loop, "attach-pool", "cannot attach a loop device to %s", path);
            break;
        }
        result = mount_loop(loop, mount_point);
        if (result == 0)
            break;
        fault_set(fault, -result, "mount-pool", "cannot mount the btrfs in %s", path);
        if (!formatted)
            break;
        formatted = false; /* an old file that cannot be mounted: start afresh */
        fd_close(&loop);
    }
    fd_close(&loop);
    fd_close(&file);
    if (result < 0) {
        unlink(path);
        return result;
    }
    int pool = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    result = pool < 0 ? -errno : enable_quota(pool);
    if (result < 0) {
        fd_close(&pool);
        umount2(mount_point, MNT_DETACH);
        return fault_set(fault, -result, "enable-quota", "cannot turn on quotas in %s", path);
    }
    open_statistics(pool);
    fd_close(&pool);
    return 0;
}

int layers_open(const struct config *config, const char *mount_point, struct fault *fault) {
    if (config->layers == LAYERS_TMPFS)
        return 0;
    int result = open_btrfs(config, mount_point, fault);
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

int layer_make(uint32_t slot, struct fault *fault) {
    if (!state.btrfs)
        return 0;
    struct btrfs_ioctl_vol_args_v2 volume = {0};
    snprintf(volume.name, sizeof volume.name, "l%u", slot);
    if (ioctl(state.pool, BTRFS_IOC_SUBVOL_CREATE_V2, &volume) < 0)
        return fault_set(fault, errno, "make-layer", "cannot make the writable layer");
    return 0;
}

static int open_layer(uint32_t slot) {
    char name[16];
    snprintf(name, sizeof name, "l%u", slot);
    int fd = openat(state.pool, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int layer_limit(uint32_t slot, uint64_t bytes, struct fault *fault) {
    if (!state.btrfs)
        return 0;
    int fd = open_layer(slot);
    struct btrfs_ioctl_qgroup_limit_args limit = {.qgroupid = 0, /* 0: the subvolume of this descriptor */
                                                  .lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_RFER, .max_rfer = bytes}};
    int result = fd < 0 ? fd : ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &limit) < 0 ? -errno : 0;
    fd_close(&fd);
    return result == 0 ? 0 : fault_set(fault, -result, "limit-layer", "cannot bound the writable layer");
}

int layer_remove(uint32_t slot) {
    if (!state.btrfs)
        return 0;
    struct btrfs_ioctl_vol_args volume = {0};
    snprintf(volume.name, sizeof volume.name, "l%u", slot);
    return ioctl(state.pool, BTRFS_IOC_SNAP_DESTROY, &volume) < 0 && errno != ENOENT ? -errno : 0;
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
    if (state.btrfs) {
        char path[64];
        struct btrfs_ioctl_ino_lookup_args lookup = {.objectid = 256 /* BTRFS_FIRST_FREE_OBJECTID */};
        int fd = open_layer(slot);
        int result = fd < 0 ? fd : ioctl(fd, BTRFS_IOC_INO_LOOKUP, &lookup) < 0 ? -errno : 0;
        fd_close(&fd);
        if (result < 0 || state.qgroups < 0)
            return result;
        snprintf(path, sizeof path, "0_%llu/referenced", (unsigned long long)lookup.treeid);
        return read_number_at(state.qgroups, path, bytes);
    }
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
