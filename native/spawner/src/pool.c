/*
 * See pool.h. The file system lies behind a loop device that frees itself when the last user goes, so nothing is left when
 * everything is killed. Walls that outlive both spawner and supervisor keep the file system alive; a new spawner finds the
 * same loop device by the file's inode and mounts the same file system again.
 */
#include "pool.h"

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
#include <sys/wait.h>
#include <unistd.h>

#ifndef BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA
#define BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA 4 /* Linux 6.7 */
#endif

#define POOL_DEFAULT_BYTES (64ULL << 30)
#define POOL_MIN_BYTES (256ULL << 20)

static int64_t pool_size(uint64_t wanted, const char *path) {
    if (wanted != 0)
        return (int64_t)wanted;
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

/* /sys/fs/btrfs/<id>/qgroups, -1 where the kernel has none. */
static int open_statistics(int pool) {
    struct btrfs_ioctl_fs_info_args info;
    memset(&info, 0, sizeof info);
    if (ioctl(pool, BTRFS_IOC_FS_INFO, &info) < 0)
        return -1;
    char path[96] = "/sys/fs/btrfs/";
    size_t used = strlen(path);
    for (int i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        used += (size_t)snprintf(path + used, sizeof path - used, "%s%02x", dash ? "-" : "", info.fsid[i]);
    }
    snprintf(path + used, sizeof path - used, "/qgroups");
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A file that holds nothing yet may be formatted. */
static bool is_new(int file) {
    struct stat info;
    return fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0;
}

int pool_mount(const char *path, uint64_t bytes, bool precious, const char *mount_point, int *qgroups, struct fault *fault) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return fault_set(fault, errno, "open-pool", "cannot open the pool file %s", path);
    int loop = find_loop(file), result = 0;
    bool was_new = is_new(file), formatted = loop >= 0 || holds_btrfs(file);
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!formatted && precious && !was_new) {
            result = fault_set(fault, EUCLEAN, "open-pool", "%s is not empty and holds no btrfs: restore a copy, or move it away", path);
            break;
        }
        if (!formatted) {
            result = ftruncate(file, 0) < 0 || ftruncate(file, pool_size(bytes, path)) < 0 ? -errno : run_mkfs(path);
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
        if (!formatted || precious)
            break;
        /* An old file that cannot be mounted: start afresh. It is kept beside, since it may hold checkpoints. */
        formatted = false;
        fd_close(&loop);
        fd_close(&file);
        char aside[PATH_BYTES];
        if (format_path(aside, sizeof aside, "%s.damaged", path) < 0 || rename(path, aside) < 0 ||
            (file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
            break;
    }
    fd_close(&loop);
    fd_close(&file);
    if (result < 0) {
        if (!precious || was_new)
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
    *qgroups = open_statistics(pool);
    fd_close(&pool);
    return 0;
}

/* ---- subvolumes ---- */

int subvolume_make(int pool, const char *name) {
    struct btrfs_ioctl_vol_args_v2 volume = {0};
    snprintf(volume.name, sizeof volume.name, "%s", name);
    return ioctl(pool, BTRFS_IOC_SUBVOL_CREATE_V2, &volume) < 0 ? -errno : 0;
}

int subvolume_snapshot(int source, int target, const char *name) {
    struct btrfs_ioctl_vol_args_v2 volume = {.fd = source};
    snprintf(volume.name, sizeof volume.name, "%s", name);
    return ioctl(target, BTRFS_IOC_SNAP_CREATE_V2, &volume) < 0 ? -errno : 0;
}

int subvolume_open(int pool, const char *name) {
    int fd = openat(pool, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int subvolume_limit(int pool, const char *name, uint64_t bytes) {
    int fd = subvolume_open(pool, name);
    struct btrfs_ioctl_qgroup_limit_args limit = {.qgroupid = 0, /* 0: the subvolume of this descriptor */
                                                  .lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_RFER, .max_rfer = bytes}};
    int result = fd < 0 ? fd : ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &limit) < 0 ? -errno : 0;
    fd_close(&fd);
    return result;
}

int subvolume_remove(int pool, const char *name) {
    struct btrfs_ioctl_vol_args volume = {0};
    snprintf(volume.name, sizeof volume.name, "%s", name);
    return ioctl(pool, BTRFS_IOC_SNAP_DESTROY, &volume) < 0 && errno != ENOENT ? -errno : 0;
}

int subvolume_used(int pool, int qgroups, const char *name, uint64_t *bytes) {
    char path[64];
    struct btrfs_ioctl_ino_lookup_args lookup = {.objectid = 256 /* BTRFS_FIRST_FREE_OBJECTID */};
    int fd = subvolume_open(pool, name);
    int result = fd < 0 ? fd : ioctl(fd, BTRFS_IOC_INO_LOOKUP, &lookup) < 0 ? -errno : 0;
    fd_close(&fd);
    *bytes = 0;
    if (result < 0 || qgroups < 0)
        return result;
    snprintf(path, sizeof path, "0_%llu/referenced", (unsigned long long)lookup.treeid);
    return read_number_at(qgroups, path, bytes);
}
