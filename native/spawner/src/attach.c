/* See attach.h. Everything in the wall's tree is hostile: names are resolved one by one, and no link is followed. */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

/* <sys/mount.h> and <linux/mount.h> do not go together in this libc. */
int umount2(const char *target, int flags);
#define MNT_DETACH 2
#define UMOUNT_NOFOLLOW 8

enum { RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

/* Opens the directory of an absolute, clean path; makes what is missing for the wall's root when make is set. */
static int open_target(const char *target, bool make, uid_t base) {
    char path[MOUNT_PATH_BYTES];
    snprintf(path, sizeof path, "%s", target);
    int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (char *rest = NULL, *name = strtok_r(path, "/", &rest); name != NULL && dir >= 0; name = strtok_r(NULL, "/", &rest)) {
        int result = 0;
        if (make && mkdirat(dir, name, 0755) == 0)
            result = fchownat(dir, name, base, base, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
        else if (make && errno != EEXIST)
            result = -errno;
        int next = result < 0 ? result : sys_openat2(dir, name, O_PATH | O_DIRECTORY, RESOLVE);
        fd_close(&dir);
        dir = next;
    }
    return dir;
}

static bool is_mount_point(int dir) {
    struct statx info;
    return statx(dir, "", AT_EMPTY_PATH, 0, &info) == 0 && (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int child_mount_volume(int mount_fd, const char *target, uid_t base) {
    int dir = open_target(target, true, base);
    if (dir < 0)
        return dir;
    int result = syscall(SYS_move_mount, mount_fd, "", dir, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
    fd_close(&dir);
    return result;
}

static int attach_inside(int mount_fd, const char *target, uid_t base) {
    int dir = open_target(target, false, base);
    bool taken = dir >= 0 && is_mount_point(dir);
    fd_close(&dir);
    return taken ? -EEXIST : child_mount_volume(mount_fd, target, base);
}

static int detach_inside(const char *target, bool force) {
    char parent[MOUNT_PATH_BYTES];
    snprintf(parent, sizeof parent, "%s", target);
    char *name = strrchr(parent, '/');
    *name++ = 0;
    int above = open_target(parent, false, 0);
    int dir = above < 0 ? above : sys_openat2(above, name, O_PATH | O_DIRECTORY, RESOLVE);
    int result = dir < 0 ? dir : is_mount_point(dir) ? 0 : -ENOENT;
    fd_close(&dir); /* it would keep the mount busy */
    if (result == 0 && (fchdir(above) < 0 || umount2(name, UMOUNT_NOFOLLOW | (force ? MNT_DETACH : 0)) < 0))
        result = -errno;
    fd_close(&above);
    return result;
}

/* In a process of its own, which ends with the errno. */
static _Noreturn void run_inside(int process, int mount_fd, const struct request *request, uid_t base) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int result = setns(process, CLONE_NEWNS) < 0 ? -errno : 0;
    if (result == 0)
        result = mount_fd >= 0 ? attach_inside(mount_fd, request->mounts[0].target, base)
                               : detach_inside(request->mounts[0].target, request->force);
    _exit(-result & 0xff);
}

/*
 * A descriptor of a process in whose mount namespace the Tiny VM lives. Under crun and runc that is not the wall's first
 * process, the keeper, which stays in the stage, but its one child, the guest: what the guest's own children leave behind is
 * the guest's, in a PID namespace below. So the kernel's word on whose child it is cannot be forged from inside.
 */
static int open_inhabitant(const struct wall *wall) {
    char path[64], list[64];
    if (wall->runtime == RUNTIME_NONE)
        return fcntl(wall->pidfd, F_DUPFD_CLOEXEC, 3);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", wall->pid, wall->pid);
    ssize_t n = read_file_at(AT_FDCWD, path, list, sizeof list);
    unsigned pid = 0, more = 0;
    if (n < 0)
        return (int)n;
    if (sscanf(list, "%u %u", &pid, &more) != 1 || pid < 2)
        return -ESRCH;
    int guest = sys_pidfd_open((pid_t)pid);
    /* Read again: while it is the keeper's child the number has not been given to another process. */
    char again[64];
    n = guest < 0 ? guest : read_file_at(AT_FDCWD, path, again, sizeof again);
    if (n >= 0 && strcmp(list, again) == 0)
        return guest;
    fd_close(&guest);
    return n < 0 ? (int)n : -ESRCH;
}

static int inside(uint32_t slot, int mount_fd, const struct request *request) {
    int process = open_inhabitant(wall_at(slot));
    if (process < 0)
        return process;
    pid_t pid = fork();
    if (pid == 0)
        run_inside(process, mount_fd, request, wall_base(slot));
    int error = errno;
    fd_close(&process);
    if (pid < 0)
        return -error;
    return await_inside(pid);
}

static int require_running(const struct wall *wall, struct fault *fault) {
    if (wall->runtime == RUNTIME_RUNSC)
        return fault_set(fault, EOPNOTSUPP, "enter-volume",
                         "volumes of a Tiny VM behind gVisor cannot change while it runs, since its sentry takes no new mounts: "
                         "stop it, change its descriptor, start it");
    return wall->state == WALL_RUNNING && wall->pidfd >= 0 ? 0 : fault_set(fault, ESRCH, "enter-volume", "%s has ended", wall->id);
}

int volume_attach(uint32_t slot, const struct request *request, struct fault *fault) {
    const char *target = request->mounts[0].target;
    int result = require_running(wall_at(slot), fault);
    if (result < 0)
        return result;
    int mount_fd = volume_open(walls_host(), request, 0, wall_base(slot), fault);
    if (mount_fd < 0)
        return mount_fd;
    result = inside(slot, mount_fd, request);
    fd_close(&mount_fd);
    if (result == -EEXIST)
        return fault_set(fault, EEXIST, "attach-volume", "something is mounted at %.200s already", target);
    return result == 0 ? 0 : fault_set(fault, -result, "attach-volume", "cannot mount a volume at %.200s", target);
}

int volume_detach(uint32_t slot, const struct request *request, struct fault *fault) {
    const char *target = request->mounts[0].target;
    int result = require_running(wall_at(slot), fault);
    if (result == 0)
        result = inside(slot, -1, request);
    else
        return result;
    if (result == -EBUSY)
        return fault_set(fault, EBUSY, "detach-volume", "a process inside uses %.200s", target);
    if (result == -ENOENT || result == -ENOTDIR || result == -ELOOP)
        return fault_set(fault, ENOENT, "detach-volume", "no volume is mounted at %.200s", target);
    return result == 0 ? 0 : fault_set(fault, -result, "detach-volume", "cannot unmount %.200s", target);
}
