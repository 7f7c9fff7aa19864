/* See wall.h: the table, and the life of a wall once it is started (wall_make.c starts it). */
#include "wall.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "checkpoint.h"
#include "child.h"
#include "layer.h"
#include "network.h"

enum {
    CACHED_USER_NAMESPACES = 64, /* slots below this keep theirs for the next wall */
    START_MILLIS = 60000,        /* a set-up that takes longer is given up */
    RETRY_MILLIS = 2,
    RETRY_SLOW_MILLIS = 100,
    OOM_COUNT_MILLIS = 5000,
    OOM_RETRY_MILLIS = 10,
};

static struct wall walls[SLOTS]; /* slot 0 is the manager's */
static const struct host *host;
static uint32_t end;

/* The table is touched as far as it is used and no further: every page of it is copied with the spawner for each wall. */
static void reach(uint32_t new_end) {
    for (; end < new_end; end++)
        walls[end] = (struct wall){.state = WALL_FREE, .pidfd = -1, .control = -1, .oom = -1, .userns = -1};
}

void walls_init(const struct host *with) {
    host = with;
    end = 0;
    reach(1);
    walls_note_blank(true);
}

struct wall *wall_at(uint32_t slot) {
    return &walls[slot];
}

struct wall *wall_reserve(uint32_t slot) {
    reach(slot + 1);
    return &walls[slot];
}

const struct host *walls_host(void) {
    return host;
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

bool wall_is_free(uint32_t slot) {
    return slot >= end || walls[slot].state == WALL_FREE;
}

uint32_t walls_free_slot(void) {
    for (uint32_t slot = 1; slot < SLOTS; slot++)
        if (wall_is_free(slot)) {
            reach(slot + 1);
            return slot;
        }
    return 0;
}

/* ---- events ---- */

static void control_closed(uint32_t slot) {
    struct wall *wall = &walls[slot];
    server_unwatch(&wall->control);
    if (wall->state == WALL_CLEANING)
        return;
    if (!wall->exec_seen) {
        if (wall->state == WALL_BUILDING || wall->state == WALL_BLANK)
            walls_note_blank(false);
        if (wall->fault.error == 0)
            fault_set(&wall->fault, ECHILD, "set-up", "the wall's first process died during its set-up");
        wall_clean(slot);
        return;
    }
    walls_note_blank(true);
    wall->state = WALL_RUNNING;
    wall->oom = cgroup_watch_oom(slot, &wall->oom_events);
    if (wall->oom >= 0)
        server_watch(WATCH_OOM, slot, wall->oom, wall->oom_events);
    if (slot >= CACHED_USER_NAMESPACES)
        fd_close(&wall->userns);
    if (wall->runtime != RUNTIME_NONE && !wall->pooled && cgroup_limit(slot, &wall->limits, &wall->fault) < 0) {
        wall_clean(slot);
        return;
    }
    if (wall->checkpoint[0] != 0) {
        wall->checkpoint[0] = 0;
        (void)stage_forget_image(slot); /* it would only be removed later: the space is in use as long as it is mounted */
    }
    int result = wall_write_state(slot, wall, true);
    if (result < 0) {
        fault_set(&wall->fault, -result, "write-state", "cannot write the wall's state file");
        wall_clean(slot);
        return;
    }
    server_started(slot);
}

void wall_read_reports(uint32_t slot) {
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
        if (report.kind == REPORT_READY && wall->state == WALL_BUILDING) {
            wall->state = WALL_BLANK;
            if (wall->runtime != RUNTIME_NONE)
                wall_freeze(slot); /* an idle sentry would use the processor; the kernel finishes it by itself */
        }
        if (report.kind == REPORT_EXEC)
            wall->exec_seen = true;
        if (report.kind == REPORT_FAILED) {
            wall->exec_seen = false;
            wall->fault = report.fault;
            control_closed(slot);
            return;
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
        server_unwatch(&wall->oom);
    wall->oom_deadline = now_millis() + OOM_COUNT_MILLIS; /* v1 tells before it kills and counts */
    report_oom(slot);
}

/* A keeper (keeper.c) says by its exit code which signal ended the Tiny VM. */
static int told_by_keeper(const struct wall *wall, int status) {
    int code = status >> 8 & 0xff;
    return wall->runtime != RUNTIME_NONE && status >= 0 && (status & 0x7f) == 0 && code > 128 && code <= 128 + 64 ? code - 128 : status;
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
        wall_read_reports(slot);
    if (wall->pidfd < 0)
        return;
    struct pollfd exited = {.fd = wall->pidfd, .events = POLLIN};
    if (poll(&exited, 1, 0) != 1)
        return;
    int status = told_by_keeper(wall, exit_status(wall));
    server_unwatch(&wall->pidfd);
    wall->pid = 0;
    switch (wall->state) {
    case WALL_RUNNING:
        report_oom(slot);
        wall->state = WALL_ENDED;
        server_unwatch(&wall->oom);
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
    case WATCH_CONTROL: wall_read_reports(slot); break;
    case WATCH_OOM: oom_ready(slot); break;
    case WATCH_NETWORK: break; /* not a wall's */
    case WATCH_CHECKPOINT: break; /* no wall: checkpoint_event */
    }
}

int wall_freeze(uint32_t slot) {
    return cgroup_freeze(slot);
}

/* ---- ending ---- */

void wall_kill(uint32_t slot) {
    struct wall *wall = &walls[slot];
    if (wall->pidfd >= 0)
        sys_pidfd_signal(wall->pidfd, SIGKILL); /* PID 1 of its namespace: all others die with it */
    cgroup_thaw(slot); /* v1: a frozen process cannot die, and the manager may have frozen it by the file that it owns */
}

void wall_clean(uint32_t slot) {
    struct wall *wall = &walls[slot];
    if (wall->state == WALL_CLEANING || wall->state == WALL_FREE)
        return;
    /* Should this spawner be killed now, the next one goes on with it. */
    if (wall->id[0] != 0 && (wall->state == WALL_RUNNING || wall->state == WALL_ENDED))
        wall_write_state(slot, wall, false);
    wall->state = WALL_CLEANING;
    wall->since = now_millis();
    server_unwatch(&wall->control);
    server_unwatch(&wall->oom);
    if (wall->pidfd >= 0)
        wall_kill(slot);
    else
        finish_cleaning(slot);
}

static void finish_cleaning(uint32_t slot) {
    struct wall *wall = &walls[slot];
    if (network_clean(slot) == -EBUSY)
        return; /* walls_retry comes back */
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
            if (walls[slot].pidfd >= 0 && now - walls[slot].since > 1000)
                cgroup_thaw(slot); /* whoever froze it: it does not die otherwise */
            int next = walls[slot].pidfd >= 0 || now - walls[slot].since > 1000 ? RETRY_SLOW_MILLIS : RETRY_MILLIS;
            wait = wait < 0 || next < wait ? next : wait;
        }
        if (walls[slot].state == WALL_STARTING || walls[slot].state == WALL_BUILDING) {
            int64_t left = walls[slot].since + START_MILLIS - now;
            if (left <= 0) {
                fault_set(&walls[slot].fault, ETIMEDOUT, "set-up", "the wall was not ready within %d s", START_MILLIS / 1000);
                wall_clean(slot);
            }
            int next = left <= 0 ? RETRY_SLOW_MILLIS : (int)left;
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
