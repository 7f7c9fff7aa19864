/*
 * See checkpoint.h: acting inside of a wall's stage (stage.h). Everything there but the tree itself is hostile: the sentry
 * may have been taken over. So a command runs as the keeper's did at the start: in the wall's namespaces and cgroup, as
 * root of its user namespace, which is nobody outside; no link is followed; whatever it says is cut, and printed only.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "checkpoint.h"
#include "oci_config.h"
#include "stage.h"

enum { SAID_BYTES = 4096, MESSAGE_BYTES = 150, MAX_ARGUMENTS = 32, NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP };

/* ---- short acts, in a process that enters the mount namespace ---- */

static int make_wake_file(void) {
    int fd = open(STAGE_SOCKETS_WAKE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444);
    int result = fd < 0 ? -errno : 0;
    fd_close(&fd);
    return result;
}

static int look_for_inodes(void) {
    struct statvfs sockets;
    if (statvfs(STAGE_SOCKETS_DIR, &sockets) < 0)
        return -errno;
    return sockets.f_ffree < SOCKETS_RESERVED ? -ENOSPC : 0;
}

static int unmount_image(void) {
    return umount2(STAGE_CHECKPOINT, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

static int inside(const struct wall *wall, int (*act)(void)) {
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        int result = setns(wall->pidfd, CLONE_NEWNS) < 0 ? -errno : act();
        _exit(-result & 0xff);
    }
    return await_inside(pid);
}

int stage_wake(uint32_t slot) {
    return inside(wall_at(slot), make_wake_file);
}

int stage_may_leave(uint32_t slot) {
    return inside(wall_at(slot), look_for_inodes);
}

int stage_forget_image(uint32_t slot) {
    return inside(wall_at(slot), unmount_image);
}

bool stage_is_away(const struct wall *wall) {
    char path[64];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%d/root" STAGE_SOCKETS_DIR, wall->pid);
    int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool away = dir >= 0 && fstatat(dir, "guest.sock", &info, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
    fd_close(&dir);
    return away;
}

/* ---- the runtime's program ---- */

static _Noreturn void execute(char *const *arguments, int image, int said) {
    static char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
                                        "XDG_RUNTIME_DIR=/tmp", "TMPDIR=/tmp", NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int null = open("/dev/null", O_RDWR);
    /* Out of the way of the numbers that are given out. */
    int image_high = image < 0 ? -1 : fcntl(image, F_DUPFD, 64), said_high = fcntl(said, F_DUPFD, 64), null_high = fcntl(null, F_DUPFD, 64);
    if (null < 0 || said_high < 0 || null_high < 0 || (image >= 0 && image_high < 0) || dup2(null_high, 0) < 0 ||
        dup2(null_high, 1) < 0 || dup2(said_high, 2) < 0 || (image >= 0 && dup2(image_high, 3) < 0) ||
        sys_close_range(image >= 0 ? 4 : 3, ~0U) < 0)
        _exit(EXIT_CANNOT_EXECUTE);
    execve(STAGE_RUNTIME, arguments, environment);
    _exit(EXIT_CANNOT_EXECUTE);
}

/* In the wall's cgroup and namespaces; the program itself must be born in the PID namespace, so one more process is made. */
static _Noreturn void enter_and_execute(uint32_t slot, char *const *arguments, int image, int said) {
    int status = 0, result = cgroup_join(slot);
    if (result == 0 && (setns(wall_at(slot)->pidfd, NAMESPACES) < 0 || setns(wall_at(slot)->pidfd, CLONE_NEWUSER) < 0 ||
                        chdir("/") < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        result = -errno;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* after the change of ids, which clears it */
    pid_t pid = result < 0 ? -1 : fork();
    if (pid == 0)
        execute(arguments, image, said);
    if (pid < 0) {
        dprintf(said, "cannot enter: %s\n", strerror(result < 0 ? -result : errno));
        _exit(EXIT_SYSTEM);
    }
    close(said);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            _exit(EXIT_SYSTEM);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Reads what it says until it ends or the time is over; only the beginning counts. */
static bool listen_to(int said, char *text, int64_t deadline) {
    size_t length = 0;
    for (;;) {
        char drained[1024];
        struct pollfd readable = {.fd = said, .events = POLLIN};
        int64_t left = deadline - now_millis();
        text[length] = 0;
        if (left <= 0)
            return false;
        if (poll(&readable, 1, left > 10000 ? 10000 : (int)left) <= 0)
            continue;
        bool full = length + 1 >= SAID_BYTES;
        ssize_t n = read(said, full ? drained : text + length, full ? sizeof drained : SAID_BYTES - 1 - length);
        if (n == 0 || (n < 0 && errno != EINTR))
            return true;
        length += n > 0 && !full ? (size_t)n : 0;
    }
}

/* One line, printable: what stands behind "FATAL ERROR: ", else the first one. */
static void make_message(char *text, char *out) {
    char *from = strstr(text, "FATAL ERROR: ");
    from = from != NULL ? from + strlen("FATAL ERROR: ") : text;
    from[strcspn(from, "\n")] = 0;
    snprintf(out, MESSAGE_BYTES, "%.*s", MESSAGE_BYTES - 1, *from == 0 ? "it said nothing" : from);
    for (char *c = out; *c != 0; c++)
        if (*c < ' ' || *c == 0x7f)
            *c = '?';
}

int stage_command(uint32_t slot, const char *command, const char *const *options, int image, int64_t deadline, struct fault *fault) {
    static const char *const general[] = {STAGE_RUNSC, "/dev/null"};
    static char said[SAID_BYTES];
    char message[MESSAGE_BYTES];
    char *arguments[MAX_ARGUMENTS];
    size_t count = 0;
    int ends[2], status = 0;
    for (size_t i = 0; i < sizeof general / sizeof *general; i++)
        arguments[count++] = (char *)(uintptr_t)general[i];
    arguments[count++] = (char *)(uintptr_t)command;
    for (; *options != NULL && count < MAX_ARGUMENTS - 2; options++)
        arguments[count++] = (char *)(uintptr_t)*options;
    arguments[count++] = (char[]){"vm"};
    arguments[count] = NULL;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fault_set(fault, errno, "start-runtime", "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        enter_and_execute(slot, arguments, image, ends[1]);
    fd_close(&ends[1]);
    if (pid < 0) {
        fd_close(&ends[0]);
        return fault_set(fault, errno, "start-runtime", "cannot start runsc %s", command);
    }
    bool in_time = listen_to(ends[0], said, deadline);
    if (!in_time)
        kill(pid, SIGKILL);
    fd_close(&ends[0]);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fault_set(fault, errno, "start-runtime", "cannot wait for runsc %s", command);
    if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    make_message(said, message);
    return fault_set(fault, in_time ? EPROTO : ETIMEDOUT, command, "runsc %s %s: %s", command, in_time ? "failed" : "took too long", message);
}
