/*
 * See checkpoint.h: writing one. A process of its own does it step by step, so that the spawner goes on serving; it goes on
 * when the spawner dies, since it has stopped a Tiny VM and must let it go on. The order makes memory and files agree:
 *
 *   1. the guest has let go of its socket (the manager asked it to: SUSPEND of the guest protocol)
 *   2. runsc pause: nothing inside runs
 *   3. runsc checkpoint --leave-running: writes the image, and the sentry's dirty file pages to the layer
 *   4. a snapshot of the layer
 *   5. runsc resume, and a file that tells the guest to come back
 *   6. everything is put on disk and gets its name
 *
 * A save that fails may cost the sandbox: gVisor (as of 20240729) ends then. The words of the answer say what failed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "checkpoint.h"
#include "layer.h"
#include "pool.h"
#include "oci_config.h"
#include "server.h"

enum { MAKERS = 16, MAKE_MILLIS = 110000, AWAY_MILLIS = 5000, MORE_CPU_MILLIS = 1000, MORE_PIDS = 64 };

#define MORE_MEMORY_BYTES (96ULL << 20) /* for runsc itself, and for the sentry while it writes: counted, see docs/walls.md */

struct report {
    struct fault fault;
    uint64_t bytes;
};

static struct maker {
    bool used;
    bool recovers;
    uint32_t slot;
    uint64_t underneath; /* of its image */
    char id[ID_BYTES];
    char name[ID_BYTES];
    pid_t pid;
    int pidfd;
    int report;
} makers[MAKERS];

/* ---- in the process that makes it ---- */

static const char *const nothing[] = {NULL};

static int await_away(const struct wall *wall, struct fault *fault) {
    for (int64_t deadline = now_millis() + AWAY_MILLIS; !stage_is_away(wall);) {
        if (now_millis() > deadline)
            return fault_set(fault, EBUSY, "await-guest", "the guest has not let go of its socket");
        (void)poll(NULL, 0, 2);
    }
    return 0;
}

/* A subvolume with a bound, and in it a directory that the runtime may write to. Returns the subvolume's descriptor. */
static int make_directory(const char *name, const char *id, uid_t base, uint64_t bytes, int *image, struct fault *fault) {
    int result = checkpoint_remove_tree(name);
    if (result == 0)
        result = subvolume_make(layers_pool(), name);
    int directory = result < 0 ? result : subvolume_open(layers_pool(), name);
    if (directory >= 0 && (fchmod(directory, 0700) < 0 || flock(directory, LOCK_EX) < 0))
        result = -errno;
    if (directory < 0)
        result = directory;
    if (result == 0)
        result = subvolume_limit(layers_pool(), name, bytes);
    if (result == 0)
        result = create_file_at(directory, "source", 0600, id, strlen(id));
    if (result == 0 && (mkdirat(directory, CHECKPOINT_IMAGE, 0700) < 0 || fchownat(directory, CHECKPOINT_IMAGE, base, base, 0) < 0))
        result = -errno;
    if (result == 0 && (*image = openat(directory, CHECKPOINT_IMAGE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
        result = -errno;
    if (result == 0)
        return directory;
    fd_close(&directory);
    return fault_set(fault, -result, "make-checkpoint", "cannot make a place for the checkpoint");
}

/* The image's files become root's; their sizes are added up. Nothing but plain files may have been left there. */
static int settle_image(int image, uint64_t *bytes) {
    /* Opened anew: one that was opened before the files were made may not show them (btrfs). */
    int copy = openat(image, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (dir == NULL)
        return -errno;
    for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int file = openat(image, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file < 0 || fstat(file, &info) < 0)
            result = -errno;
        else if (!S_ISREG(info.st_mode))
            result = -EPROTO;
        else if (fchown(file, 0, 0) < 0 || fchmod(file, 0600) < 0)
            result = -errno;
        else
            *bytes += (uint64_t)info.st_blocks * 512U;
        fd_close(&file);
    }
    closedir(dir);
    return result == 0 && (fchown(image, 0, 0) < 0 || fchmod(image, 0700) < 0) ? -errno : result;
}

static int write_number_file(int directory, const char *name, uint64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64 "\n", number);
    return create_file_at(directory, name, 0600, text, strlen(text));
}

/* From the stage, where nothing of the wall's may write it. */
static int save_guest(pid_t pid, int directory) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root" STAGE_GUEST, pid);
    int from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int to = from < 0 ? -1 : openat(directory, CHECKPOINT_GUEST, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    int result = from < 0 || to < 0 ? -errno : 0;
    if (result == 0)
        result = copy_rest(from, to);
    fd_close(&to);
    fd_close(&from);
    return result;
}

static int finish(const struct maker *maker, int directory, int image, uid_t base, uint64_t layer_bytes, struct report *report) {
    char text[128], from[ID_BYTES + 2], to[ID_BYTES + 2];
    uint64_t image_bytes = 0;
    int layer = subvolume_open(directory, CHECKPOINT_LAYER);
    int result = layer < 0 ? layer : settle_image(image, &image_bytes);
    uid_t disk_base = result < 0 ? base : checkpoint_disk_base(layer, base);
    if (result == 0)
        result = write_number_file(layer, "base", disk_base);
    fd_close(&layer);
    snprintf(text, sizeof text, "1 %u %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", disk_base, layer_bytes, image_bytes, maker->underneath);
    if (result == 0)
        result = save_guest(wall_at(maker->slot)->pid, directory);
    if (result == 0)
        result = create_file_at(directory, "meta", 0600, text, strlen(text));
    if (result == 0 && unlinkat(directory, "source", 0) < 0)
        result = -errno;
    snprintf(from, sizeof from, "t-%s", maker->name);
    snprintf(to, sizeof to, "c-%s", maker->name);
    if (result == 0 && (syncfs(layers_pool()) < 0 || renameat(layers_pool(), from, layers_pool(), to) < 0 || syncfs(layers_pool()) < 0))
        result = -errno;
    report->bytes = layer_bytes + image_bytes;
    return result == 0 ? 0 : fault_set(&report->fault, -result, "write-checkpoint", "cannot put the checkpoint on disk");
}

static void let_go_on(uint32_t slot, bool paused) {
    struct fault unused;
    if (paused)
        (void)stage_command(slot, "resume", nothing, -1, now_millis() + MAKE_MILLIS, &unused);
    (void)stage_wake(slot); /* one that cannot be told comes back by itself */
}

static int write_and_snapshot(uint32_t slot, int directory, int image, int64_t deadline, struct fault *fault) {
    static const char *const options[] = {"--leave-running", "--compression=none", "--image-path", "/proc/self/fd/3", NULL};
    int result = stage_command(slot, "checkpoint", options, image, deadline, fault);
    if (result < 0)
        return result;
    int layer = subvolume_open(layers_pool(), layer_name(slot));
    result = layer < 0 ? layer : subvolume_snapshot(layer, directory, CHECKPOINT_LAYER);
    fd_close(&layer);
    return result == 0 ? 0 : fault_set(fault, -result, "snapshot-layer", "cannot take a snapshot of the writable layer");
}

static void make(const struct maker *maker, uint64_t most_bytes, struct report *report) {
    char name[ID_BYTES + 2];
    int image = -1;
    uint64_t layer_bytes = 0;
    int64_t deadline = now_millis() + MAKE_MILLIS;
    const struct wall *wall = wall_at(maker->slot);
    uid_t base = wall_base(maker->slot);
    snprintf(name, sizeof name, "t-%s", maker->name);
    int directory = make_directory(name, maker->id, base, most_bytes, &image, &report->fault);
    int result = directory < 0 ? directory : await_away(wall, &report->fault);
    bool paused = false;
    if (result == 0) {
        result = stage_command(maker->slot, "pause", nothing, -1, deadline, &report->fault);
        paused = result == 0;
    }
    if (result == 0)
        result = write_and_snapshot(maker->slot, directory, image, deadline, &report->fault);
    (void)layer_used(maker->slot, wall->pid, true, &layer_bytes);
    let_go_on(maker->slot, paused);
    if (result == 0)
        result = finish(maker, directory, image, base, layer_bytes, report);
    fd_close(&image);
    fd_close(&directory);
    if (result < 0)
        (void)checkpoint_remove_tree(name);
}

static _Noreturn void run_maker(struct maker *maker, int report_fd, uint64_t most_bytes) {
    static struct report report;
    int keep[48];
    size_t count = cgroups_fds(keep, 32);
    count += layers_fds(keep + count, 4);
    keep[count++] = wall_at(maker->slot)->pidfd;
    keep[count++] = report_fd;
    sigset_t none;
    sigemptyset(&none);
    prctl(PR_SET_NAME, "tinyvm-checkpnt");
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || close_all_but(keep, count) < 0)
        _exit(EXIT_SYSTEM);
    server_forget();
    if (maker->recovers)
        let_go_on(maker->slot, true);
    else
        make(maker, most_bytes, &report);
    ssize_t ignored = write(report_fd, &report, sizeof report);
    (void)ignored; /* the spawner that asked is gone: the next one finds the checkpoint on disk */
    _exit(0);
}

/* ---- in the spawner ---- */

static int start_maker(uint32_t slot, const char *name, bool recovers, uint64_t underneath, uint64_t most_bytes) {
    struct maker *maker = NULL;
    int ends[2];
    for (size_t i = 0; i < MAKERS; i++)
        if (!makers[i].used)
            maker = &makers[i];
    if (maker == NULL)
        return -EAGAIN;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *maker = (struct maker){.used = true, .recovers = recovers, .slot = slot, .underneath = underneath, .pidfd = -1, .report = ends[0]};
    snprintf(maker->id, sizeof maker->id, "%s", wall_at(slot)->id);
    snprintf(maker->name, sizeof maker->name, "%s", name);
    maker->pid = fork();
    if (maker->pid == 0)
        run_maker(maker, ends[1], most_bytes);
    fd_close(&ends[1]);
    maker->pidfd = maker->pid < 0 ? -errno : sys_pidfd_open(maker->pid);
    if (maker->pidfd < 0) {
        int error = maker->pidfd;
        if (maker->pid > 0) {
            kill(maker->pid, SIGKILL);
            (void)waitpid(maker->pid, NULL, 0);
        }
        fd_close(&maker->report);
        maker->used = false;
        return error;
    }
    server_watch(WATCH_CHECKPOINT, (uint32_t)(maker - makers), maker->pidfd, EPOLLIN);
    return 0;
}

static void count_one(const char *name, uint64_t count, void *context) {
    if (name == NULL)
        *(uint64_t *)context = count;
}

static bool is_made_of(uint32_t slot) {
    for (size_t i = 0; i < MAKERS; i++)
        if (makers[i].used && makers[i].slot == slot)
            return true;
    return false;
}

static int check(uint32_t slot, const struct request *request, struct fault *fault) {
    const struct wall *wall = wall_at(slot);
    char directory[ID_BYTES + 2];
    struct stat info;
    uint64_t count = 0;
    if (wall->runtime != RUNTIME_RUNSC)
        return fault_set(fault, EOPNOTSUPP, "validate-runtime",
                         "only gVisor writes a Tiny VM to disk; behind %s that would need CRIU, which is not offered",
                         wall->runtime == RUNTIME_NONE ? "the container wall" : runtime_name(wall->runtime));
    if (checkpoints_list(count_one, &count, fault) < 0)
        return -fault->error;
    if (layers_pool() < 0)
        return fault_set(fault, EOPNOTSUPP, "find-checkpoints", "checkpoints need writable layers on btrfs (package btrfs-progs)");
    if (wall->state != WALL_RUNNING || wall->pidfd < 0)
        return fault_set(fault, ESRCH, "checkpoint", "%s has ended", wall->id);
    if (cgroup_frozen(slot))
        return fault_set(fault, EBUSY, "checkpoint", "%s is frozen: it must be thawed, and its guest suspended", wall->id);
    if (count >= MAX_CHECKPOINTS)
        return fault_set(fault, EDQUOT, "checkpoint", "there are %d checkpoints: remove one", MAX_CHECKPOINTS);
    for (size_t i = 0; i < MAKERS; i++)
        if (makers[i].used && (makers[i].slot == slot || strcmp(makers[i].name, request->checkpoint) == 0))
            return fault_set(fault, EBUSY, "checkpoint", "a checkpoint of it, or of this name, is being written");
    snprintf(directory, sizeof directory, "c-%s", request->checkpoint);
    if (fstatat(layers_pool(), directory, &info, AT_SYMLINK_NOFOLLOW) == 0)
        return fault_set(fault, EEXIST, "checkpoint", "there is a checkpoint %s already", request->checkpoint);
    int result = stage_may_leave(slot);
    if (result == -ENOSPC)
        return fault_set(fault, ENOSPC, "checkpoint",
                         "%s was written to disk too often (%d times): restart it, or go on with a copy", wall->id,
                         SOCKETS_INODES - SOCKETS_RESERVED);
    return result == 0 ? 0 : fault_set(fault, -result, "checkpoint", "cannot look at where the guest of %s listens", wall->id);
}

/* The runtime's command runs in the wall's cgroup, so that a sentry that was taken over cannot make it use up the host. */
static void give_room(uint32_t slot, bool more) {
    struct fault unused;
    struct limits limits = wall_at(slot)->limits;
    if (limits.memory_bytes == 0) /* adopted from a spawner that did not write them down */
        return;
    if (more) {
        limits.cpu_millis = limits.cpu_millis < MORE_CPU_MILLIS ? MORE_CPU_MILLIS : limits.cpu_millis;
        limits.memory_bytes += MORE_MEMORY_BYTES;
        limits.pids += MORE_PIDS;
    }
    (void)cgroup_limit(slot, &limits, &unused); /* more than the bound in use: the kernel takes page cache back first */
}

int checkpoint_begin(uint32_t slot, const struct request *request, struct fault *fault) {
    int result = check(slot, request, fault);
    if (result < 0) {
        if (wall_at(slot)->runtime == RUNTIME_RUNSC && wall_at(slot)->state == WALL_RUNNING && !is_made_of(slot))
            (void)stage_wake(slot); /* whoever asks has suspended it */
        return result;
    }
    give_room(slot, true);
    result = start_maker(slot, request->checkpoint, false, checkpoint_underneath(request->image), request->disk_bytes);
    if (result < 0) {
        give_room(slot, false);
        (void)stage_wake(slot);
    }
    return result == 0 ? 0 : fault_set(fault, -result, "checkpoint", "cannot start to write a checkpoint");
}

void checkpoint_recover(uint32_t slot) {
    (void)start_maker(slot, "", true, 0, 0); /* without it the guest comes back by itself; a paused sandbox has to be stopped */
}

void checkpoint_event(uint32_t index) {
    struct maker *maker = &makers[index % MAKERS];
    static struct report report;
    char name[ID_BYTES + 2];
    if (!maker->used || waitpid(maker->pid, NULL, WNOHANG) == 0)
        return;
    memset(&report, 0, sizeof report);
    bool told = read(maker->report, &report, sizeof report) == (ssize_t)sizeof report;
    server_unwatch(&maker->pidfd);
    fd_close(&maker->report);
    maker->used = false;
    bool same = strcmp(wall_at(maker->slot)->id, maker->id) == 0;
    if (same && wall_at(maker->slot)->state == WALL_RUNNING && !maker->recovers)
        give_room(maker->slot, false);
    if (maker->recovers)
        return;
    if (!told) {
        fault_set(&report.fault, ECHILD, "checkpoint", "what wrote the checkpoint was killed");
        snprintf(name, sizeof name, "t-%s", maker->name);
        (void)checkpoint_remove_tree(name);
        if (same && wall_at(maker->slot)->state == WALL_RUNNING)
            checkpoint_recover(maker->slot);
    }
    server_checkpointed(maker->id, report.bytes, &report.fault);
}
