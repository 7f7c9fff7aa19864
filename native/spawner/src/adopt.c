/* Taking over from an earlier spawner: what it finished stays, what it left half-made goes. See wall.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cgroup.h"
#include "checkpoint.h"
#include "layer.h"
#include "wall.h"

static bool is_alive(const struct wall *wall) {
    uint64_t start = 0;
    return wall->pid > 0 && process_start_time(wall->pid, &start) == 0 && start == wall->start_time;
}

static void adopt_one(const char *id) {
    struct wall found = {.pidfd = -1, .control = -1, .oom = -1, .userns = -1, .adopted = true};
    uint32_t slot = 0;
    bool running = false;
    if (wall_read_state(id, &slot, &found, &running) < 0 || !wall_is_free(slot)) {
        wall_remove_files(id); /* written by nobody, or cut off before the wall had any part */
        return;
    }
    struct wall *wall = wall_reserve(slot);
    *wall = found;
    wall->state = WALL_ENDED;
    if (is_alive(wall)) {
        wall->pidfd = sys_pidfd_open(wall->pid);
        if (wall->pidfd >= 0 && !is_alive(wall)) /* it ended in between and the number is another's */
            fd_close(&wall->pidfd);
    }
    if (wall->pidfd < 0)
        wall->pid = 0;
    else
        server_watch(WATCH_PID, slot, wall->pidfd, EPOLLIN);
    if (!running) {
        wall_clean(slot);
        return;
    }
    cgroup_oom_kills(slot, &wall->oom_reported);
    if (wall->pidfd < 0)
        return;
    wall->state = WALL_RUNNING;
    wall->oom = cgroup_watch_oom(slot, &wall->oom_events);
    if (wall->oom >= 0)
        server_watch(WATCH_OOM, slot, wall->oom, wall->oom_events);
}

/* A cgroup or layer that no state file names. */
static void clean_unnamed(uint32_t slot, void *context) {
    (void)context;
    if (slot == 0 || slot >= SLOTS || !wall_is_free(slot))
        return;
    struct wall *wall = wall_reserve(slot);
    *wall = (struct wall){.state = WALL_ENDED, .pidfd = -1, .control = -1, .oom = -1, .userns = -1};
    cgroup_kill(slot);
    wall_clean(slot);
}

static int each_name(const char *path, void (*visit)(const char *name)) {
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            visit(entry->d_name);
    closedir(dir);
    return 0;
}

static void remove_unnamed_directory(const char *id) {
    bool cleaning = false;
    if (strlen(id) < ID_BYTES && wall_find(id, &cleaning) == 0)
        wall_remove_files(id);
}

int walls_adopt(struct fault *fault) {
    int result = each_name(TREE_STATE, adopt_one);
    if (result == 0)
        result = each_name(TREE_VMS, remove_unnamed_directory);
    if (result < 0)
        return fault_set(fault, -result, "adopt", "cannot read the run directory");
    cgroups_each_slot(clean_unnamed, NULL);
    layers_each_slot(clean_unnamed, NULL);
    checkpoints_sweep();
    return 0;
}
