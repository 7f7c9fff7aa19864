/* See cgroup_unified.h. */
#include "cgroup_unified.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_files.h"

enum {
    PID_LIMIT = 1 << 22,     /* PID_MAX_LIMIT of the kernel */
    LIST_BYTES = 512 << 10,  /* 32,768 processes and their threads' leaders */
    PASSES = 8,              /* before the wall is held still */
    FROZEN_PASSES = 4,
    FREEZE_MILLIS = 200,
};

static int root = -1;   /* of the hybrid host's cgroup2 */
static int origin = -1; /* where the spawner itself is in it */
static char parent[64];
static char list[LIST_BYTES];
static uint8_t inside[PID_LIMIT / 8];

void unified_open(const char *mount_point, const char *parent_name) {
    char text[4096], *line = NULL, *rest = NULL;
    snprintf(parent, sizeof parent, "%s", parent_name);
    root = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || read_file_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) < 0)
        return;
    for (line = strtok_r(text, "\n", &rest); line != NULL && strncmp(line, "0::/", 4) != 0; line = strtok_r(NULL, "\n", &rest))
        ;
    const char *path = line == NULL || line[4] == 0 ? "." : line + 4;
    origin = sys_openat2(root, path, O_RDONLY | O_DIRECTORY, 0);
    if (origin < 0) {
        origin = -1;
        fd_close(&root);
    }
}

size_t unified_fds(int *out, size_t room) {
    size_t used = 0;
    if (root >= 0 && room >= 2) {
        out[used++] = root;
        out[used++] = origin;
    }
    return used;
}

bool unified_available(void) {
    return cgroups_mode() == CGROUP_V2 || root >= 0;
}

static int open_slot(uint32_t slot) {
    char path[128];
    int result = format_path(path, sizeof path, "%s/s%u", parent, slot);
    int fd = result < 0 ? -1 : openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : result < 0 ? result : -errno;
}

int unified_find(uint32_t slot) {
    if (cgroups_mode() == CGROUP_V2)
        return cgroup_clone_fd(slot);
    return root < 0 ? -ENOENT : open_slot(slot);
}

/* Calls visit for each process that cgroup.procs of a directory names. */
static int each(int directory, const char *path, int (*visit)(long pid, int to), int to) {
    int result = 0;
    char *rest = NULL;
    ssize_t n = read_file_at(directory, path, list, sizeof list);
    if (n < 0)
        return (int)n;
    if ((size_t)n == sizeof list - 1)
        return -E2BIG;
    for (char *line = strtok_r(list, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        long pid = strtol(line, NULL, 10);
        if (pid <= 1 || pid >= PID_LIMIT)
            continue;
        int one = visit(pid, to);
        result = one < 0 ? one : result + one;
        if (one < 0)
            return one;
    }
    return result;
}

static int mark(long pid, int to) {
    (void)to;
    inside[pid / 8] |= (uint8_t)(1U << pid % 8);
    return 0;
}

/* 1: moved, 0: was there, or is gone. */
static int move(long pid, int to) {
    if ((inside[pid / 8] >> pid % 8 & 1) != 0)
        return 0;
    int result = write_number_at(to, "cgroup.procs", pid);
    return result == 0 ? 1 : result == -ESRCH ? 0 : result;
}

/* One pass over the wall's processes; returns how many were moved. */
static int pass(uint32_t slot, int to) {
    char procs[64];
    snprintf(procs, sizeof procs, "s%u/cgroup.procs", slot);
    int result = each(to, "cgroup.procs", mark, to);
    if (result == 0)
        result = each(cgroup_parent(CONTROLLER_PIDS), procs, move, to);
    memset(inside, 0, sizeof inside);
    return result;
}

/* A child is born into its parent's cgroup, so once a pass finds nobody outside, nobody will be. A wall that makes processes
 * faster than they are moved is held still for it. */
static int move_all(uint32_t slot, int to) {
    int moved = 1;
    for (int i = 0; i < PASSES && moved > 0; i++)
        moved = pass(slot, to);
    if (moved <= 0)
        return moved;
    bool was_frozen = cgroup_frozen(slot);
    int result = was_frozen ? 0 : cgroup_freeze(slot);
    for (int64_t deadline = now_millis() + FREEZE_MILLIS; result == -EAGAIN && now_millis() < deadline; (void)poll(NULL, 0, 1))
        result = cgroup_freeze(slot);
    for (int i = 0; i < FROZEN_PASSES && result == 0 && moved > 0; i++)
        moved = pass(slot, to);
    if (!was_frozen)
        (void)cgroup_thaw(slot);
    return result < 0 ? result : moved < 0 ? moved : moved > 0 ? -EAGAIN : 0;
}

int unified_enter(uint32_t slot) {
    char path[128];
    if (cgroups_mode() == CGROUP_V2)
        return cgroup_clone_fd(slot);
    if (root < 0)
        return -ENOENT;
    int result = make_dir_at(root, parent, 0755);
    if (result == 0)
        result = format_path(path, sizeof path, "%s/s%u", parent, slot);
    if (result == 0)
        result = make_dir_at(root, path, 0755);
    int fd = result < 0 ? result : open_slot(slot);
    if (fd < 0)
        return fd;
    result = move_all(slot, fd);
    if (result < 0) {
        fd_close(&fd);
        (void)unified_leave(slot);
        return result;
    }
    return fd;
}

int unified_leave(uint32_t slot) {
    char path[128];
    if (cgroups_mode() == CGROUP_V2 || root < 0)
        return 0;
    int fd = open_slot(slot), result = fd < 0 ? fd : 1;
    for (int i = 0; i < PASSES && result > 0; i++)
        result = each(fd, "cgroup.procs", move, origin); /* they are not marked: all go */
    fd_close(&fd);
    if (result == -ENOENT)
        return 0;
    result = format_path(path, sizeof path, "%s/s%u", parent, slot);
    if (result == 0 && unlinkat(root, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
        result = -errno;
    unified_remove_parent();
    return result;
}

void unified_each_slot(void (*visit)(uint32_t slot, void *context), void *context) {
    int fd = root < 0 || cgroups_mode() == CGROUP_V2 ? -1 : openat(root, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        fd_close(&fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        unsigned slot = 0;
        if (sscanf(entry->d_name, "s%u", &slot) == 1)
            visit(slot, context);
    }
    closedir(dir);
}

int unified_begin_trial(void) {
    char path[128];
    int dir = cgroups_mode() == CGROUP_V2 ? cgroup_parent(CONTROLLER_PIDS) : root;
    const char *name = cgroups_mode() == CGROUP_V2 ? "trial" : path;
    if (dir < 0)
        return -ENOENT;
    int result = format_path(path, sizeof path, "%s/trial", parent);
    if (result == 0 && cgroups_mode() != CGROUP_V2)
        result = make_dir_at(root, parent, 0755);
    if (result == 0)
        result = make_dir_at(dir, name, 0755);
    int fd = result < 0 ? -1 : openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : result < 0 ? result : -errno;
}

void unified_end_trial(int *fd) {
    char path[128];
    fd_close(fd);
    if (cgroups_mode() == CGROUP_V2)
        (void)unlinkat(cgroup_parent(CONTROLLER_PIDS), "trial", AT_REMOVEDIR);
    else if (root >= 0 && format_path(path, sizeof path, "%s/trial", parent) == 0)
        (void)unlinkat(root, path, AT_REMOVEDIR);
    unified_remove_parent();
}

void unified_remove_parent(void) {
    if (root >= 0)
        (void)unlinkat(root, parent, AT_REMOVEDIR);
}
