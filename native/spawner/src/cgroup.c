/* See cgroup.h: finding the hierarchies, and what is the same for v1 and v2. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup_files.h"
#include "cgroup_unified.h"

enum { MAX_HIERARCHIES = CONTROLLERS };

static const char *const controller_names[CONTROLLERS] = {"cpu", "cpuacct", "memory", "pids", "freezer", "blkio"};

static struct {
    enum cgroup_mode mode;
    char parent_name[64];
    int roots[MAX_HIERARCHIES];   /* the mount points */
    int parents[MAX_HIERARCHIES]; /* our directory in each */
    size_t count;
    int index[CONTROLLERS]; /* into parents, -1: none */
} state;

struct found {
    char v1[CONTROLLERS][256]; /* mount points, empty: none */
    char v2[256];
};

enum cgroup_mode cgroups_mode(void) {
    return state.mode;
}

bool cgroups_count_io(void) {
    return state.index[CONTROLLER_BLKIO] >= 0;
}

int cgroup_parent(int controller) {
    return state.index[controller] < 0 ? -1 : state.parents[state.index[controller]];
}

struct slot_name slot_name(uint32_t slot) {
    struct slot_name name;
    snprintf(name.text, sizeof name.text, "s%u", slot);
    return name;
}

static void note_mount(struct found *found, const char *mount_point, const char *type, const char *options) {
    if (strcmp(type, "cgroup2") == 0 && found->v2[0] == 0)
        snprintf(found->v2, sizeof found->v2, "%s", mount_point);
    if (strcmp(type, "cgroup") != 0)
        return;
    char copy[512];
    snprintf(copy, sizeof copy, "%s", options);
    for (char *save = NULL, *option = strtok_r(copy, ",\n", &save); option != NULL;
         option = strtok_r(NULL, ",\n", &save))
        for (int i = 0; i < CONTROLLERS; i++)
            if (strcmp(option, controller_names[i]) == 0 && found->v1[i][0] == 0)
                snprintf(found->v1[i], sizeof found->v1[i], "%s", mount_point);
}

static int find_mounts(struct found *found) {
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (file == NULL)
        return -errno;
    char line[4096];
    while (fgets(line, sizeof line, file) != NULL) {
        char mount_point[256], type[32], options[512];
        char *dash = strstr(line, " - ");
        if (dash != NULL && sscanf(line, "%*s %*s %*s %*s %255s", mount_point) == 1 &&
            sscanf(dash + 3, "%31s %*s %511s", type, options) == 2)
            note_mount(found, mount_point, type, options);
    }
    fclose(file);
    return 0;
}

/* Opens the hierarchy at mount_point once, makes our parent in it, and gives it to the controller. */
static int use(int controller, const char *mount_point, struct fault *fault) {
    for (int other = 0; other < controller; other++) { /* cpu and cpuacct often share one */
        char path[512], mine[512];
        snprintf(path, sizeof path, "/proc/self/fd/%d", state.index[other] < 0 ? -1 : state.roots[state.index[other]]);
        ssize_t n = state.index[other] < 0 ? -1 : readlink(path, mine, sizeof mine - 1);
        if (n > 0 && (mine[n] = 0, strcmp(mine, mount_point) == 0)) {
            state.index[controller] = state.index[other];
            return 0;
        }
    }
    int root = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fault_set(fault, errno, "open-cgroup", "cannot open the cgroup hierarchy %s", mount_point);
    int result = make_dir_at(root, state.parent_name, 0755);
    int parent = result == 0 ? openat(root, state.parent_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (parent < 0) {
        int error = result == 0 ? errno : -result;
        fd_close(&root);
        return fault_set(fault, error, "make-cgroup", "cannot make %s/%s", mount_point, state.parent_name);
    }
    state.roots[state.count] = root;
    state.parents[state.count] = parent;
    state.index[controller] = (int)state.count++;
    return 0;
}

static int open_v1(const struct found *found, struct fault *fault) {
    state.mode = found->v2[0] != 0 ? CGROUP_HYBRID : CGROUP_V1;
    if (found->v2[0] != 0)
        unified_open(found->v2, state.parent_name);
    for (int i = 0; i < CONTROLLERS; i++) {
        int result = found->v1[i][0] != 0 ? use(i, found->v1[i], fault) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

static int open_v2(const struct found *found, struct fault *fault) {
    state.mode = CGROUP_V2;
    for (int i = 0; i < CONTROLLERS; i++) {
        int result = use(i, found->v2, fault);
        if (result < 0)
            return result;
    }
    int result = cgroup2_delegate(state.roots[0], state.parents[0], fault);
    if (result < 0)
        return result;
    char list[256];
    if (read_file_at(state.parents[0], "cgroup.subtree_control", list, sizeof list) < 0 || strstr(list, "io") == NULL)
        state.index[CONTROLLER_BLKIO] = -1;
    return 0;
}

int cgroups_open(const char *parent_name, struct fault *fault) {
    snprintf(state.parent_name, sizeof state.parent_name, "%s", parent_name);
    state.count = 0;
    for (int i = 0; i < CONTROLLERS; i++)
        state.index[i] = -1;
    static struct found found;
    memset(&found, 0, sizeof found);
    int result = find_mounts(&found);
    if (result < 0)
        return fault_set(fault, -result, "find-cgroups", "cannot read /proc/self/mountinfo");
    if (found.v1[CONTROLLER_CPU][0] != 0 && found.v1[CONTROLLER_CPUACCT][0] != 0 &&
        found.v1[CONTROLLER_MEMORY][0] != 0 && found.v1[CONTROLLER_PIDS][0] != 0 &&
        found.v1[CONTROLLER_FREEZER][0] != 0)
        return open_v1(&found, fault);
    if (found.v2[0] != 0)
        return open_v2(&found, fault);
    return fault_set(fault, ENODEV, "find-cgroups",
                     "no cgroup2 is mounted, and not all of the v1 controllers cpu, cpuacct, memory, pids, freezer are");
}

size_t cgroups_fds(int *out, size_t room) {
    size_t used = 0;
    for (size_t i = 0; i < state.count && used + 2 <= room; i++) {
        out[used++] = state.roots[i];
        out[used++] = state.parents[i];
    }
    return used + unified_fds(out + used, room - used);
}

int cgroups_remove_parent(void) {
    int result = 0;
    unified_remove_parent();
    for (size_t i = 0; i < state.count; i++)
        if (unlinkat(state.roots[i], state.parent_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            result = -errno;
    return result;
}

void cgroups_each_slot(void (*visit)(uint32_t slot, void *context), void *context) {
    for (size_t i = 0; i < state.count; i++) {
        int fd = openat(state.parents[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        if (dir == NULL) {
            fd_close(&fd);
            continue;
        }
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            unsigned slot = 0;
            if (entry->d_type == DT_DIR && sscanf(entry->d_name, "s%u", &slot) == 1)
                visit(slot, context);
        }
        closedir(dir);
    }
}

static int slot_file(char *out, size_t room, uint32_t slot, const char *file) {
    return format_path(out, room, "s%u/%s", slot, file);
}

int cgroup_write(uint32_t slot, int controller, const char *file, const char *text) {
    char path[128];
    int result = slot_file(path, sizeof path, slot, file);
    return result < 0 ? result : write_file_at(cgroup_parent(controller), path, text);
}

int cgroup_write_number(uint32_t slot, int controller, const char *file, uint64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return cgroup_write(slot, controller, file, text);
}

int cgroup_read_number(uint32_t slot, int controller, const char *file, uint64_t *out) {
    char path[128];
    int result = slot_file(path, sizeof path, slot, file);
    return result < 0 ? result : read_number_at(cgroup_parent(controller), path, out);
}

ssize_t cgroup_read(uint32_t slot, int controller, const char *file, char *out, size_t room) {
    char path[128];
    int result = slot_file(path, sizeof path, slot, file);
    return result < 0 ? result : read_file_at(cgroup_parent(controller), path, out, room);
}

int cgroup_make(uint32_t slot, struct fault *fault) {
    struct slot_name name = slot_name(slot);
    for (size_t i = 0; i < state.count; i++)
        if (mkdirat(state.parents[i], name.text, 0755) < 0)
            return fault_set(fault, errno, "make-cgroup", "cannot make the cgroup %s/%s", state.parent_name, name.text);
    return 0;
}

int cgroup_give_freezer(uint32_t slot, uid_t manager, struct fault *fault) {
    char path[128];
    int result = slot_file(path, sizeof path, slot, state.mode == CGROUP_V2 ? "cgroup.freeze" : "freezer.state");
    if (result == 0 && fchownat(cgroup_parent(CONTROLLER_FREEZER), path, manager, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
        result = -errno;
    return result == 0 ? 0 : fault_set(fault, -result, "give-freezer", "cannot give %s/%s to the manager", state.parent_name, path);
}

int cgroup_clone_fd(uint32_t slot) {
    if (state.mode != CGROUP_V2)
        return -ENOTSUP;
    struct slot_name name = slot_name(slot);
    int fd = openat(state.parents[0], name.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cgroup_join(uint32_t slot) {
    /* By thread, of which the caller has one: a thread that moves itself takes no lock (Linux 5.7, cgroup_procs_write_start()), where
     * "cgroup.procs" waits for every processor to pass an RCU grace period: measured 16 ms in place of 0.02. */
    char path[64];
    int result = slot_file(path, sizeof path, slot, state.mode == CGROUP_V2 ? "cgroup.procs" : "tasks");
    for (size_t i = 0; i < state.count && result == 0; i++)
        result = write_file_at(state.parents[i], path, "0");
    return result;
}

int cgroup_limit(uint32_t slot, const struct limits *limits, struct fault *fault) {
    bool v2 = state.mode == CGROUP_V2;
    int result = v2 ? cgroup2_limit_cpu_pids(slot, limits) : cgroup1_limit_cpu_pids(slot, limits);
    if (result < 0)
        return fault_set(fault, -result, "limit-cpu-pids", "cannot set the CPU and process limits");
    result = v2 ? cgroup2_limit_memory(slot, limits->memory_bytes) : cgroup1_limit_fresh_memory(slot, limits->memory_bytes);
    if (result < 0)
        return fault_set(fault, -result, "limit-memory", "cannot set the memory limit to %llu bytes",
                         (unsigned long long)limits->memory_bytes);
    return 0;
}

int cgroup_resize(uint32_t slot, const struct limits *limits, struct fault *fault) {
    bool v2 = state.mode == CGROUP_V2;
    /* Memory first: it is the only part that can be refused, and then nothing has changed. */
    int result = v2 ? cgroup2_limit_memory(slot, limits->memory_bytes) : cgroup1_limit_memory(slot, limits->memory_bytes);
    if (result < 0)
        return fault_set(fault, -result, "limit-memory",
                         "cannot set the memory limit to %llu bytes; more may be in use than that",
                         (unsigned long long)limits->memory_bytes);
    return cgroup_limit(slot, limits, fault);
}

int cgroup_freeze(uint32_t slot) {
    int result = state.mode == CGROUP_V2 ? cgroup2_freeze(slot) : cgroup1_freeze(slot);
    return result < 0 ? result : (cgroup_frozen(slot) ? 0 : -EAGAIN);
}

int cgroup_thaw(uint32_t slot) {
    return state.mode == CGROUP_V2 ? cgroup_write(slot, CONTROLLER_FREEZER, "cgroup.freeze", "0")
                                   : cgroup_write(slot, CONTROLLER_FREEZER, "freezer.state", "THAWED");
}

bool cgroup_frozen(uint32_t slot) {
    return state.mode == CGROUP_V2 ? cgroup2_frozen(slot) : cgroup1_frozen(slot);
}

void cgroup_each_process(uint32_t slot, void (*visit)(pid_t pid, void *context), void *context) {
    static char list[16384];
    ssize_t n = cgroup_read(slot, CONTROLLER_PIDS, "cgroup.procs", list, sizeof list);
    char *save = NULL;
    for (char *line = n > 0 ? strtok_r(list, "\n", &save) : NULL; line != NULL; line = strtok_r(NULL, "\n", &save)) {
        long pid = strtol(line, NULL, 10);
        if (pid > 1)
            visit((pid_t)pid, context);
    }
}

void cgroup_kill(uint32_t slot) {
    if (state.mode == CGROUP_V2 && cgroup_write(slot, CONTROLLER_PIDS, "cgroup.kill", "1") == 0)
        return;
    char list[4096];
    ssize_t n = cgroup_read(slot, CONTROLLER_PIDS, "cgroup.procs", list, sizeof list);
    char *save = NULL;
    for (char *line = n > 0 ? strtok_r(list, "\n", &save) : NULL; line != NULL; line = strtok_r(NULL, "\n", &save)) {
        long pid = strtol(line, NULL, 10);
        if (pid > 1)
            kill((pid_t)pid, SIGKILL);
    }
    cgroup_thaw(slot);
}

int cgroup_remove(uint32_t slot) {
    struct slot_name name = slot_name(slot);
    int result = 0;
    for (size_t i = 0; i < state.count; i++)
        if (unlinkat(state.parents[i], name.text, AT_REMOVEDIR) < 0 && errno != ENOENT)
            result = -errno;
    return result;
}

int cgroup_read_stats(uint32_t slot, struct cgroup_stats *stats) {
    memset(stats, 0, sizeof *stats);
    return state.mode == CGROUP_V2 ? cgroup2_read_stats(slot, stats) : cgroup1_read_stats(slot, stats);
}

int cgroup_read_usage(uint32_t slot, struct cgroup_stats *stats) {
    memset(stats, 0, sizeof *stats);
    return state.mode == CGROUP_V2 ? cgroup2_read_usage(slot, stats) : cgroup1_read_usage(slot, stats);
}

int cgroup_oom_kills(uint32_t slot, uint64_t *count) {
    return state.mode == CGROUP_V2 ? cgroup2_oom_kills(slot, count) : cgroup1_oom_kills(slot, count);
}

int cgroup_watch_oom(uint32_t slot, uint32_t *events) {
    *events = state.mode == CGROUP_V2 ? EPOLLPRI : EPOLLIN;
    return state.mode == CGROUP_V2 ? cgroup2_watch_oom(slot) : cgroup1_watch_oom(slot);
}
