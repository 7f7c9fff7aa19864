/* See wall.h: the table and the life of a wall. */
#include "wall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "child.h"
#include "layer.h"
#include "userns.h"

enum {
    CACHED_USER_NAMESPACES = 64, /* slots below this keep theirs for the next wall */
    BLANK_FAILURES_MAX = 3,      /* in a row; then none are made until a CREATE succeeds */
    RETRY_MILLIS = 2,
    RETRY_SLOW_MILLIS = 100,
    OOM_COUNT_MILLIS = 5000,
    OOM_RETRY_MILLIS = 10,
};

static struct wall walls[SLOTS]; /* slot 0 is the manager's */
static const struct host *host;
static uint32_t end;
static uint32_t blank_failures;

void walls_init(const struct host *with) {
    memset(walls, 0, sizeof walls);
    host = with;
    end = 1;
    blank_failures = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        walls[slot].pidfd = walls[slot].control = walls[slot].oom = walls[slot].userns = -1;
}

struct wall *wall_at(uint32_t slot) {
    return &walls[slot];
}

struct wall *wall_reserve(uint32_t slot) {
    if (slot >= end)
        end = slot + 1;
    return &walls[slot];
}

uint32_t walls_end(void) {
    return end;
}

uid_t wall_base(uint32_t slot) {
    return claim_uid(host->block, slot);
}

uint32_t walls_count(void) {
    uint32_t count = 0;
    for (uint32_t slot = 1; slot < end; slot++)
        count += walls[slot].state != WALL_FREE;
    return count;
}

uint32_t wall_find(const char *id, bool *cleaning) {
    *cleaning = false;
    for (uint32_t slot = 1; slot < end; slot++)
        if (walls[slot].state != WALL_FREE && strcmp(walls[slot].id, id) == 0) {
            *cleaning = walls[slot].state == WALL_CLEANING;
            return slot;
        }
    return 0;
}

static uint32_t free_slot(void) {
    for (uint32_t slot = 1; slot < SLOTS; slot++)
        if (walls[slot].state == WALL_FREE) {
            if (slot >= end)
                end = slot + 1;
            return slot;
        }
    return 0;
}

/* ---- making ---- */

/* A step of the spawner's own part: named, and made to fail by tests. */
static int step(const char *name, int result, struct fault *fault) {
    return result == 0 && test_fails(name) ? fault_set(fault, EIO, name, "made to fail by a test") : result;
}

static int make_parts(uint32_t slot, struct fault *fault) {
    struct wall *wall = &walls[slot];
    if (wall->userns < 0)
        wall->userns = userns_for_slot(wall_base(slot));
    if (wall->userns < 0) {
        int error = -wall->userns;
        wall->userns = -1;
        return fault_set(fault, error, "make-user-namespace", "cannot make a user namespace");
    }
    int result = step("make-cgroup", cgroup_make(slot, fault), fault);
    return result == 0 ? step("make-layer", layer_make(slot, fault), fault) : result;
}

static int clone_child(uint32_t slot, const char *image, struct fault *fault) {
    struct wall *wall = &walls[slot];
    int pair[2], pidfd = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fault_set(fault, errno, "make-control", "cannot make a socket pair");
    static struct child_plan plan;
    plan = (struct child_plan){.slot = slot, .base = wall_base(slot), .host_image = strcmp(image, "host") == 0,
                               .btrfs = layers_are_btrfs(), .userns = wall->userns, .control = pair[1],
                               .guest = host->guest, .host_dirs = &host->host_dirs, .masks = &host->masks};
    snprintf(plan.image, sizeof plan.image, "%s", image);
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
static int build(const char *image, const char *id, uint32_t *out, struct fault *fault) {
    test_read_failing_step();
    uint32_t slot = free_slot();
    if (slot == 0)
        return fault_set(fault, EUSERS, "pick-uids", "all %d uid ranges are in use", SLOTS - 1);
    struct wall *wall = &walls[slot];
    int userns = wall->userns;
    *wall = (struct wall){.state = WALL_BUILDING, .pidfd = -1, .control = -1, .oom = -1, .userns = userns};
    snprintf(wall->id, sizeof wall->id, "%s", id);
    *out = slot;
    int result = make_parts(slot, fault);
    return result == 0 ? step("clone", clone_child(slot, image, fault), fault) : result;
}

static int send_request(uint32_t slot, const struct request *request, const int *fds, struct fault *fault) {
    static struct activation message;
    message = (struct activation){.read_only_root = request->read_only_root, .disk_bytes = request->disk_bytes,
                                  .mount_count = request->mount_count};
    memcpy(message.hostname, request->hostname, sizeof message.hostname);
    memcpy(message.user, request->user, sizeof message.user);
    for (uint32_t i = 0; i < request->mount_count; i++)
        memcpy(message.mounts[i].target, request->mounts[i].target, sizeof message.mounts[i].target);
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
    if (sendmsg(walls[slot].control, &outer, MSG_NOSIGNAL) < 0)
        return fault_set(fault, errno, "send-request", "cannot reach the wall's first process");
    return 0;
}

/* Everything between a built wall and its activation. */
static int configure(uint32_t slot, const struct request *request, struct fault *fault) {
    struct wall *wall = &walls[slot];
    int fds[MAX_MOUNTS + 1];
    uint32_t open_volumes = 0;
    wall->disk_bytes = request->disk_bytes;
    int result = wall_write_state(slot, wall, false);
    if (result < 0)
        return fault_set(fault, -result, "write-state", "cannot write the wall's state file");
    result = step("limit-cgroup", cgroup_limit(slot, &request->limits, fault), fault);
    if (result == 0)
        result = step("limit-layer", layer_limit(slot, request->disk_bytes, fault), fault);
    if (result < 0)
        return result;
    fds[0] = wall_listen(wall->id, claim_uid(host->block, 0), fault);
    result = fds[0] < 0 ? fds[0] : 0;
    for (; result == 0 && open_volumes < request->mount_count; open_volumes++) {
        fds[open_volumes + 1] = volume_open(host, request, open_volumes, wall_base(slot), fault);
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
    for (uint32_t slot = 1; slot < end; slot++)
        if (walls[slot].state == state && walls[slot].id[0] == 0)
            return slot;
    return 0;
}

static void control_ready(uint32_t slot);

int wall_create(const struct request *request, struct fault *fault) {
    uint32_t slot = 0;
    int result = 0;
    if (strcmp(request->image, "host") == 0) {
        slot = find_blank(WALL_BLANK);
        slot = slot == 0 ? find_blank(WALL_BUILDING) : slot; /* it takes the request when it is ready */
    }
    if (slot != 0)
        snprintf(walls[slot].id, sizeof walls[slot].id, "%s", request->id);
    else
        result = build(request->image, request->id, &slot, fault);
    if (slot == 0)
        return result;
    walls[slot].state = WALL_STARTING;
    if (result == 0)
        result = configure(slot, request, fault);
    if (result < 0) {
        /* What the child says is the cause; that it could not be reached is only the consequence. */
        walls[slot].fault = *fault;
        if (walls[slot].control >= 0)
            control_ready(slot);
        wall_clean(slot); /* the answer comes from server_cleaned, when nothing is left */
    }
    return (int)slot;
}

bool walls_refill(void) {
    uint32_t blanks = 0;
    if (host->config->blanks == 0 || blank_failures >= BLANK_FAILURES_MAX)
        return false;
    for (uint32_t slot = 1; slot < end; slot++)
        blanks += walls[slot].id[0] == 0 && (walls[slot].state == WALL_BLANK || walls[slot].state == WALL_BUILDING);
    if (blanks >= host->config->blanks)
        return false;
    struct fault fault = {0};
    uint32_t slot = 0;
    if (build("host", "", &slot, &fault) == 0)
        return true;
    blank_failures++;
    if (slot != 0)
        wall_clean(slot);
    return false;
}

/* ---- events ---- */

static void control_closed(uint32_t slot) {
    struct wall *wall = &walls[slot];
    fd_close(&wall->control);
    if (wall->state == WALL_CLEANING)
        return;
    if (!wall->exec_seen) {
        blank_failures += wall->state == WALL_BUILDING || wall->state == WALL_BLANK;
        if (wall->fault.error == 0)
            fault_set(&wall->fault, ECHILD, "set-up", "the wall's first process died during its set-up");
        wall_clean(slot);
        return;
    }
    blank_failures = 0;
    wall->state = WALL_RUNNING;
    wall->oom = cgroup_watch_oom(slot, &wall->oom_events);
    if (wall->oom >= 0)
        server_watch(WATCH_OOM, slot, wall->oom, wall->oom_events);
    if (slot >= CACHED_USER_NAMESPACES)
        fd_close(&wall->userns);
    int result = wall_write_state(slot, wall, true);
    if (result < 0) {
        fault_set(&wall->fault, -result, "write-state", "cannot write the wall's state file");
        wall_clean(slot);
        return;
    }
    server_started(slot);
}

static void control_ready(uint32_t slot) {
    struct wall *wall = &walls[slot];
    struct report report;
    while (wall->control >= 0) {
        ssize_t n = recv(wall->control, &report, sizeof report, MSG_DONTWAIT);
        if (n < 0 && errno == ECONNRESET)
            continue; /* told once when the child ends without having read everything; its report is still to come */
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n != (ssize_t)sizeof report) {
            control_closed(slot);
            return;
        }
        if (report.kind == REPORT_READY && wall->state == WALL_BUILDING)
            wall->state = WALL_BLANK;
        if (report.kind == REPORT_EXEC)
            wall->exec_seen = true;
        if (report.kind == REPORT_FAILED) {
            wall->exec_seen = false;
            wall->fault = report.fault;
        }
    }
}

/* Reports kills for memory that happened since the last report. */
static void report_oom(uint32_t slot) {
    struct wall *wall = &walls[slot];
    uint64_t count = 0;
    if (cgroup_oom_kills(slot, &count) < 0 || count <= wall->oom_reported)
        return;
    wall->oom_deadline = 0;
    wall->oom_reported = count;
    server_oom(wall->id, count);
}

static void oom_ready(uint32_t slot) {
    struct wall *wall = &walls[slot];
    if (wall->oom < 0)
        return;
    char drained[512];
    if (wall->oom_events == EPOLLIN)
        while (read(wall->oom, drained, sizeof drained) > 0)
            ;
    else if (pread(wall->oom, drained, sizeof drained, 0) < 0)
        fd_close(&wall->oom);
    wall->oom_deadline = now_millis() + OOM_COUNT_MILLIS; /* v1 tells before it kills and counts */
    report_oom(slot);
}

static int exit_status(const struct wall *wall) {
    /* PIDFD_GET_INFO (Linux 6.13, exit status 6.15) tells it even when an earlier spawner was the parent. */
    struct { uint64_t mask, cgroup; uint32_t ids[11]; int32_t exit_code; uint32_t more[8]; } info = {.mask = 1U << 3};
    unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, 64);
    siginfo_t child = {0};
    if (waitid(P_PIDFD, (id_t)wall->pidfd, &child, WEXITED | WNOHANG) == 0 && child.si_pid != 0)
        return child.si_code == CLD_EXITED ? (child.si_status & 0xff) << 8 : child.si_status & 0x7f;
    if (ioctl(wall->pidfd, request, &info) == 0 && (info.mask & (1U << 3)) != 0)
        return info.exit_code;
    return -1;
}

static void finish_cleaning(uint32_t slot);

static void process_ended(uint32_t slot) {
    struct wall *wall = &walls[slot];
    if (wall->pidfd < 0)
        return;
    /* The set-up's own report, when there is one, is read first. */
    if (wall->control >= 0)
        control_ready(slot);
    if (wall->pidfd < 0)
        return;
    int status = exit_status(wall);
    fd_close(&wall->pidfd);
    wall->pid = 0;
    switch (wall->state) {
    case WALL_RUNNING:
        report_oom(slot);
        wall->state = WALL_ENDED;
        fd_close(&wall->oom);
        server_ended(wall->id, status, wall->oom_reported);
        break;
    case WALL_CLEANING: finish_cleaning(slot); break;
    case WALL_BUILDING:
    case WALL_BLANK:
    case WALL_STARTING: wall_clean(slot); break;
    case WALL_FREE:
    case WALL_ENDED: break;
    }
}

void wall_event(enum watch kind, uint32_t slot) {
    if (slot == 0 || slot >= end || walls[slot].state == WALL_FREE)
        return;
    switch (kind) {
    case WATCH_PID: process_ended(slot); break;
    case WATCH_CONTROL: control_ready(slot); break;
    case WATCH_OOM: oom_ready(slot); break;
    }
}

/* ---- ending ---- */

void wall_kill(uint32_t slot) {
    struct wall *wall = &walls[slot];
    if (wall->pidfd >= 0)
        sys_pidfd_signal(wall->pidfd, SIGKILL); /* PID 1 of its namespace: all others die with it */
    cgroup_thaw(slot); /* v1: a frozen process cannot die */
}

void wall_clean(uint32_t slot) {
    struct wall *wall = &walls[slot];
    if (wall->state == WALL_CLEANING || wall->state == WALL_FREE)
        return;
    /* Should this spawner be killed now, the next one goes on with it. */
    if (wall->id[0] != 0 && (wall->state == WALL_RUNNING || wall->state == WALL_ENDED))
        wall_write_state(slot, wall, false);
    wall->state = WALL_CLEANING;
    wall->cleaning_since = now_millis();
    fd_close(&wall->control);
    fd_close(&wall->oom);
    if (wall->pidfd >= 0)
        wall_kill(slot);
    else
        finish_cleaning(slot);
}

static void finish_cleaning(uint32_t slot) {
    struct wall *wall = &walls[slot];
    if (cgroup_remove(slot) == -EBUSY) {
        cgroup_kill(slot);
        return; /* walls_retry comes back */
    }
    if (layer_remove(slot) < 0)
        return;
    wall_remove_files(wall->id);
    if (slot >= CACHED_USER_NAMESPACES)
        fd_close(&wall->userns);
    wall->state = WALL_FREE;
    struct fault fault = wall->fault;
    char id[ID_BYTES];
    memcpy(id, wall->id, sizeof id);
    wall->id[0] = 0;
    server_cleaned(slot, id, &fault);
}

int walls_retry(void) {
    int wait = -1;
    int64_t now = now_millis();
    for (uint32_t slot = 1; slot < end; slot++) {
        if (walls[slot].state == WALL_CLEANING && walls[slot].pidfd < 0)
            finish_cleaning(slot);
        if (walls[slot].state == WALL_CLEANING) {
            int next = walls[slot].pidfd >= 0 || now - walls[slot].cleaning_since > 1000 ? RETRY_SLOW_MILLIS : RETRY_MILLIS;
            wait = wait < 0 || next < wait ? next : wait;
        }
        if (walls[slot].oom_deadline != 0) {
            report_oom(slot);
            if (walls[slot].state != WALL_RUNNING || now > walls[slot].oom_deadline)
                walls[slot].oom_deadline = 0;
            else if (walls[slot].oom_deadline != 0)
                wait = wait < 0 || OOM_RETRY_MILLIS < wait ? OOM_RETRY_MILLIS : wait;
        }
    }
    while (end > 1 && walls[end - 1].state == WALL_FREE && walls[end - 1].userns < 0)
        end--;
    return wait;
}
