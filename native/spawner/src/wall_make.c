/* See wall.h: making walls, blank or for a request. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "checkpoint.h"
#include "child.h"
#include "layer.h"
#include "lower.h"
#include "userns.h"
#include "wall.h"

enum { START_CPU_MILLIS = 1000 };
enum { BLANK_FAILURES_MAX = 3 }; /* in a row; then none are made until a CREATE succeeds */

static uint32_t blank_failures;

void walls_note_blank(bool good) {
    blank_failures = good ? 0 : blank_failures + 1;
}

/* A step of the spawner's own part: named, and made to fail by tests. */
static int step(const char *name, int result, struct fault *fault) {
    return result == 0 && test_fails(name) ? fault_set(fault, EIO, name, "made to fail by a test") : result;
}

/* From a checkpoint: its layer instead of an empty one, and the mapping of the owners in it. */
static int make_layer(uint32_t slot, const char *image, int *layer_userns, struct fault *fault) {
    const struct wall *wall = wall_at(slot);
    struct checkpoint_meta meta;
    char map[64];
    if (wall->checkpoint[0] == 0)
        return layer_make(slot, fault);
    int result = checkpoint_read(wall->checkpoint, &meta, fault);
    if (result == 0 && meta.underneath != checkpoint_underneath(image))
        return fault_set(fault, ESTALE, "find-checkpoint", "the files of image %s have changed since %s was written", image, wall->checkpoint);
    if (result == 0)
        result = checkpoint_make_layer(wall->checkpoint, slot, meta.base, fault);
    if (result < 0 || meta.base == wall_base(slot))
        return result;
    /* Root of the host is itself there, too: overlayfs makes its work directory as the one who mounts. */
    snprintf(map, sizeof map, "0 0 1\n%u %u 65536\n", meta.base, wall_base(slot));
    *layer_userns = userns_make(map, map);
    return *layer_userns >= 0 ? 0 : fault_set(fault, -*layer_userns, "make-user-namespace", "cannot make a user namespace");
}

static int make_parts(uint32_t slot, const char *image, int *layer_userns, struct fault *fault) {
    struct wall *wall = wall_at(slot);
    if (wall->userns < 0)
        wall->userns = userns_for_slot(wall_base(slot));
    if (wall->userns < 0) {
        int error = -wall->userns;
        wall->userns = -1;
        return fault_set(fault, error, "make-user-namespace", "cannot make a user namespace");
    }
    int result = step("make-cgroup", cgroup_make(slot, fault), fault);
    if (result == 0)
        result = step("give-freezer", cgroup_give_freezer(slot, claim_uid(walls_host()->block, 0), fault), fault);
    return result == 0 ? step("make-layer", make_layer(slot, image, layer_userns, fault), fault) : result;
}

static int clone_child(uint32_t slot, const char *image, bool pooled, int layer_userns, struct fault *fault) {
    static struct lowers lowers;
    struct wall *wall = wall_at(slot);
    int pair[2], pidfd = -1;
    int found = strcmp(image, "host") == 0 ? 0 : lowers_find(image, &lowers, fault);
    if (found < 0)
        return found;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fault_set(fault, errno, "make-control", "cannot make a socket pair");
    static struct child_plan plan;
    plan = (struct child_plan){.slot = slot, .base = wall_base(slot), .host_image = strcmp(image, "host") == 0,
                               .btrfs = layers_are_btrfs(), .runtime = wall->runtime, .pooled = pooled, .userns = wall->userns, .control = pair[1],
                               .guest = walls_host()->guest, .host_dirs = &walls_host()->host_dirs, .masks = &walls_host()->masks};
    plan.lowers = &lowers;
    plan.checkpoint = wall->checkpoint;
    plan.layer_userns = layer_userns;
    int cgroup = cgroup_clone_fd(slot);
    plan.join_cgroup = cgroup == -ENOTSUP;
    struct clone_args arguments = {.flags = CLONE_NEWPID | CLONE_PIDFD, .exit_signal = SIGCHLD,
                                   .pidfd = (unsigned long long)(uintptr_t)&pidfd};
    if (cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (unsigned long long)cgroup;
    }
    long pid = cgroup < 0 && cgroup != -ENOTSUP ? (errno = -cgroup, -1) : syscall(SYS_clone3, &arguments, sizeof arguments);
    int error = errno;
    if (pid == 0)
        child_run(&plan);
    fd_close(&cgroup);
    fd_close(&pair[1]);
    if (pid < 0) {
        fd_close(&pair[0]);
        return fault_set(fault, error, "clone", "cannot start the wall's first process");
    }
    wall->pid = (pid_t)pid;
    wall->pidfd = pidfd;
    wall->control = pair[0];
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    server_watch(WATCH_PID, slot, pidfd, EPOLLIN);
    server_watch(WATCH_CONTROL, slot, pair[0], EPOLLIN);
    int result = process_start_time(wall->pid, &wall->start_time);
    return result == 0 ? 0 : fault_set(fault, -result, "read-start-time", "cannot read the first process's start time");
}

/* A wall in BUILDING for this image, or a negative errno; the slot is then being cleaned. */
static int build(const char *image, const char *id, enum runtime runtime, const char *checkpoint, uint32_t *out, struct fault *fault) {
    test_read_failing_step();
    uint32_t slot = walls_free_slot();
    if (slot == 0)
        return fault_set(fault, EUSERS, "pick-uids", "all %d uid ranges are in use", SLOTS - 1);
    struct wall *wall = wall_at(slot);
    int userns = wall->userns;
    *wall = (struct wall){.state = WALL_BUILDING, .since = now_millis(), .pidfd = -1, .control = -1, .oom = -1, .userns = userns,
                          .runtime = runtime, .pooled = runtime != RUNTIME_NONE && id[0] == 0, .image_inode = pool_image_inode(image)};
    snprintf(wall->image, sizeof wall->image, "%s", image);
    snprintf(wall->id, sizeof wall->id, "%s", id);
    snprintf(wall->checkpoint, sizeof wall->checkpoint, "%s", checkpoint);
    *out = slot;
    int layer_userns = -1;
    int result = make_parts(slot, image, &layer_userns, fault);
    if (result == 0)
        result = step("clone", clone_child(slot, image, wall->pooled, layer_userns, fault), fault);
    fd_close(&layer_userns);
    return result;
}

static int send_request(uint32_t slot, const struct request *request, const int *fds, struct fault *fault) {
    static struct activation message;
    message = (struct activation){.read_only_root = request->read_only_root, .merge_memory = request->merge_memory, .disk_bytes = request->disk_bytes,
                                  .mount_count = request->mount_count};
    memcpy(message.hostname, request->hostname, sizeof message.hostname);
    memcpy(message.user, request->user, sizeof message.user);
    for (uint32_t i = 0; i < request->mount_count; i++) {
        memcpy(message.mounts[i].target, request->mounts[i].target, sizeof message.mounts[i].target);
        message.mounts[i].read_only = request->mounts[i].read_only;
    }
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * (MAX_MOUNTS + 1))];
    } ancillary;
    memset(&ancillary, 0, sizeof ancillary);
    size_t count = request->mount_count + 1U;
    struct iovec part = {&message, offsetof(struct activation, mounts) + request->mount_count * sizeof message.mounts[0]};
    struct msghdr outer = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&outer);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    if (sendmsg(wall_at(slot)->control, &outer, MSG_NOSIGNAL) < 0)
        return fault_set(fault, errno, "send-request", "cannot reach the wall's first process");
    return 0;
}

struct limits wall_limits(const struct wall *wall, const struct limits *asked) {
    struct limits limits = *asked;
    limits.memory_bytes += runtime_memory_bytes(wall->runtime);
    limits.pids = runtime_pids(wall->runtime, asked->pids);
    return limits;
}

/* Everything between a built wall and its activation. */
static int configure(uint32_t slot, const struct request *request, struct fault *fault) {
    struct wall *wall = wall_at(slot);
    int fds[MAX_MOUNTS + 1];
    uint32_t open_volumes = 0;
    wall->disk_bytes = request->disk_bytes;
    int result = wall_write_state(slot, wall, false);
    if (result < 0)
        return fault_set(fault, -result, "write-state", "cannot write the wall's state file");
    if (wall->pooled) {
        struct cgroup_stats stats;
        int counted = cgroup_read_stats(slot, &stats);
        if (counted < 0)
            return fault_set(fault, -counted, "read-statistics", "cannot read the statistics of a sandbox that was kept ready");
        wall->cpu_before_micros = stats.cpu_micros;
    }
    struct limits limits = wall_limits(wall, &request->limits);
    wall->limits = limits;
    /* A runtime may use a whole core until the guest has started: at a tenth it would take ten times as long. */
    if (wall->runtime != RUNTIME_NONE && !wall->pooled && limits.cpu_millis < START_CPU_MILLIS)
        limits.cpu_millis = START_CPU_MILLIS;
    result = step("limit-cgroup", cgroup_limit(slot, &limits, fault), fault);
    if (result == 0)
        result = step("limit-layer", layer_limit(slot, request->disk_bytes, fault), fault);
    if (result < 0)
        return result;
    fds[0] = wall_listen(wall->id, claim_uid(walls_host()->block, 0), fault);
    result = fds[0] < 0 ? fds[0] : 0;
    for (; result == 0 && open_volumes < request->mount_count; open_volumes++) {
        fds[open_volumes + 1] = volume_open(walls_host(), request, open_volumes, wall_base(slot), fault);
        if (fds[open_volumes + 1] < 0) {
            result = fds[open_volumes + 1];
            break;
        }
    }
    result = step("bind-socket", result, fault);
    if (result == 0)
        result = step("send-request", send_request(slot, request, fds, fault), fault);
    for (uint32_t i = 0; i < open_volumes; i++)
        fd_close(&fds[i + 1]);
    fd_close(&fds[0]);
    return result;
}

static uint32_t find_blank(enum wall_state state) {
    for (uint32_t slot = 1; slot < walls_end(); slot++)
        if (wall_at(slot)->state == state && wall_at(slot)->id[0] == 0 && wall_at(slot)->runtime == RUNTIME_NONE)
            return slot;
    return 0;
}

int wall_create(const struct request *request, struct fault *fault) {
    uint32_t slot = 0;
    int result = 0;
    if (request->runtime != RUNTIME_NONE && walls_host()->config->runtimes[request->runtime] == NULL)
        return fault_set(fault, ENOSYS, "find-runtime", "the spawner was started without --runtime %s=PATH", runtime_name(request->runtime));
    if (request->checkpoint[0] != 0)
        slot = 0; /* nothing that is ready can be it */
    else if (request->runtime != RUNTIME_NONE)
        slot = pool_take(request);
    else if (strcmp(request->image, "host") == 0) {
        slot = find_blank(WALL_BLANK);
        slot = slot == 0 ? find_blank(WALL_BUILDING) : slot; /* it takes the request when it is ready */
    }
    if (slot != 0)
        snprintf(wall_at(slot)->id, sizeof wall_at(slot)->id, "%s", request->id);
    else
        result = build(request->image, request->id, request->runtime, request->checkpoint, &slot, fault);
    if (slot == 0)
        return result;
    wall_at(slot)->state = WALL_STARTING;
    wall_at(slot)->since = now_millis();
    if (result == 0)
        result = configure(slot, request, fault);
    if (result < 0) {
        /* What the child says is the cause; that it could not be reached is only the consequence. */
        wall_at(slot)->fault = *fault;
        if (wall_at(slot)->control >= 0)
            wall_read_reports(slot);
        wall_clean(slot); /* the answer comes from server_cleaned, when nothing is left */
    }
    return (int)slot;
}

bool walls_refill(void) {
    uint32_t blanks = 0;
    enum runtime runtime = RUNTIME_NONE;
    char image[IMAGE_BYTES] = "host";
    if (blank_failures >= BLANK_FAILURES_MAX)
        return false;
    for (uint32_t slot = 1; slot < walls_end(); slot++)
        blanks += wall_at(slot)->id[0] == 0 && wall_at(slot)->runtime == RUNTIME_NONE && (wall_at(slot)->state == WALL_BLANK || wall_at(slot)->state == WALL_BUILDING);
    if (blanks >= walls_host()->config->blanks && !pool_wants(&runtime, image))
        return false;
    struct fault fault = {0};
    uint32_t slot = 0;
    if (build(image, "", runtime, "", &slot, &fault) == 0)
        return true;
    blank_failures++;
    if (slot != 0)
        wall_clean(slot);
    return false;
}
