/* See keeper.h. */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

#define GUEST_COMMAND "guest" /* the last component of INSIDE_GUEST (oci_config.h) */

enum { GUEST_MILLIS = 20000, GUEST_POLL_MILLIS = 2, MESSAGE_BYTES = 160, EXIT_SIGNALLED = 128 };

/* What each runtime is told. `run --detach` returns when the guest has been started; the guest then is the keeper's child. */
static char *const crun_arguments[] = {"crun", "--root", STAGE_STATE, "--cgroup-manager=disabled", "--log", STAGE_LOG, "run",
                                       "--detach", "--preserve-fds", "1", "--pid-file", STAGE_PID_FILE, "--bundle",
                                       STAGE_BUNDLE, "vm", NULL};
static char *const runc_arguments[] = {"runc", "--root", STAGE_STATE, "--rootless", "true", "--log", STAGE_LOG, "run",
                                       "--detach", "--preserve-fds", "1", "--pid-file", STAGE_PID_FILE, "--bundle",
                                       STAGE_BUNDLE, "vm", NULL};
static char *const runsc_arguments[] = {STAGE_RUNSC, STAGE_LOG, "run", "--detach", "--pid-file", STAGE_PID_FILE, "--bundle",
                                        STAGE_BUNDLE, "vm", NULL};
static char *const restore_arguments[] = {STAGE_RUNSC, STAGE_LOG, "restore", "--detach", "--pid-file", STAGE_PID_FILE, "--bundle",
                                          STAGE_BUNDLE, "--image-path", STAGE_CHECKPOINT, "vm", NULL};

static char *const *arguments_of(const struct child_plan *plan) {
    enum runtime runtime = plan->runtime;
    return plan->checkpoint[0] != 0 ? restore_arguments
           : runtime == RUNTIME_CRUN ? crun_arguments : runtime == RUNTIME_RUNC ? runc_arguments : runsc_arguments;
}

static _Noreturn void execute(const struct child_plan *plan, int listener) {
    static char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
                                        "XDG_RUNTIME_DIR=/tmp", "TMPDIR=/tmp", NULL};
    unsigned first = 3;
    if (listener >= 0) {
        if (listener == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(listener, 3) < 0)
            _exit(EXIT_CANNOT_EXECUTE);
        first = 4;
    }
    if (sys_close_range(first, ~0U) < 0)
        _exit(EXIT_CANNOT_EXECUTE);
    execve(STAGE_RUNTIME, arguments_of(plan), environment);
    _exit(EXIT_CANNOT_EXECUTE);
}

/* The last line of the runtime's log, made printable: it says why. */
static void read_last_words(char *out, size_t room) {
    static char text[16384];
    int fd = open(STAGE_LOG, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof text - 1 ? size - (off_t)sizeof text + 1 : 0;
    ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, from);
    fd_close(&fd);
    n = n < 0 ? 0 : n;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    text[n] = 0;
    const char *line = strrchr(text, '\n');
    line = line == NULL ? text : line + 1;
    const char *message = strstr(line, "msg=");
    line = message != NULL ? message + 4 : line;
    snprintf(out, room, "%.*s", (int)room - 1, *line == 0 ? "it said nothing" : line);
    for (char *c = out; *c != 0; c++)
        if (*c < ' ' || *c == 0x7f)
            *c = '?';
}

static int read_pid(pid_t *out) {
    uint64_t pid = 0;
    int result = read_number_at(AT_FDCWD, STAGE_PID_FILE, &pid);
    if (result == 0 && (pid < 2 || pid > INT32_MAX))
        result = -EINVAL;
    *out = (pid_t)pid;
    return result;
}

/* Waits for the runtime and reaps what else ends meanwhile. */
static int wait_for(pid_t runtime) {
    for (;;) {
        int status = 0;
        pid_t ended = waitpid(-1, &status, 0);
        if (ended < 0 && errno != EINTR)
            return -errno;
        if (ended == runtime)
            return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNALLED + WTERMSIG(status);
    }
}

/* gVisor: the guest has started when its socket answers. 1: yes. */
static int answers(void) {
    int fd = relay_connect();
    if (fd == -ENOENT || fd == -ECONNREFUSED)
        return 0;
    int result = fd < 0 ? fd : 1;
    fd_close(&fd);
    return result;
}

/* crun and runc return before their last process has become the guest. A wall that is frozen in the middle of that cannot be
 * frozen: the exec of a process with threads waits for these, uninterruptibly, and they are frozen. 1: it is the guest. */
static int is_executed(pid_t guest) {
    char path[32], name[32];
    snprintf(path, sizeof path, "/proc/%d/comm", guest);
    ssize_t n = read_file_at(AT_FDCWD, path, name, sizeof name);
    return n < 0 ? (n == -ENOENT || n == -ESRCH ? 0 : (int)n) : strcmp(name, GUEST_COMMAND "\n") == 0;
}

static int await_guest(pid_t guest, bool by_socket, struct fault *fault) {
    for (int64_t deadline = now_millis() + GUEST_MILLIS;;) {
        int ready = by_socket ? answers() : is_executed(guest);
        if (ready > 0)
            return 0;
        if (ready < 0)
            return fault_set(fault, -ready, "await-guest", "cannot reach the guest");
        if (kill(guest, 0) < 0 || waitpid(guest, NULL, WNOHANG) == guest)
            return fault_set(fault, ECHILD, "execute-guest", "the guest ended at once");
        if (now_millis() > deadline)
            return fault_set(fault, ETIMEDOUT, "await-guest", "the guest did not answer within %d s", GUEST_MILLIS / 1000);
        (void)poll(NULL, 0, GUEST_POLL_MILLIS);
    }
}

int keeper_start(const struct child_plan *plan, int listener, pid_t *guest, struct fault *fault) {
    const char *name = runtime_name(plan->runtime);
    bool passes = plan->runtime != RUNTIME_RUNSC;
    prctl(PR_SET_NAME, "tinyvm-keeper");
    pid_t pid = fork();
    if (pid < 0)
        return fault_set(fault, errno, "start-runtime", "cannot start %s", name);
    if (pid == 0)
        execute(plan, passes ? listener : -1);
    int status = wait_for(pid);
    if (status == EXIT_CANNOT_EXECUTE)
        return fault_set(fault, ENOEXEC, "start-runtime", "cannot execute %s", name);
    if (status != 0) {
        char words[MESSAGE_BYTES];
        read_last_words(words, sizeof words);
        return fault_set(fault, EPROTO, "start-runtime", "%s ended with %d: %s", name, status, words);
    }
    int result = read_pid(guest);
    if (result < 0)
        return fault_set(fault, -result, "start-runtime", "%s left no pid", name);
    if (kill(*guest, 0) < 0)
        return fault_set(fault, ECHILD, "execute-guest", "the guest ended at once");
    return await_guest(*guest, !passes, fault);
}

/* Nothing of what follows needs a right. */
static void drop_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capset, &header, none) < 0)
        _exit(EXIT_SYSTEM);
}

static void reap(pid_t guest) {
    int status = 0;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
        if (ended == guest)
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNALLED + WTERMSIG(status));
}

void keeper_run(pid_t guest, int listener) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int signals = sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
    if (epoll < 0 || signals < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, signals, &event) < 0 ||
        (listener >= 0 && relay_open(epoll, listener) < 0))
        _exit(EXIT_SYSTEM);
    drop_capabilities();
    reap(guest); /* what ended before the signals were watched */
    for (;;) {
        struct epoll_event events[8];
        struct signalfd_siginfo info;
        int count = epoll_wait(epoll, events, 8, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.u64 != 0)
                relay_event(events[i].data.u64, events[i].events);
            else if (read(signals, &info, sizeof info) > 0)
                reap(guest);
    }
}
