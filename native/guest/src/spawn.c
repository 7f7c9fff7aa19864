/*
 * Starting a program: see spawn.h.
 *
 * A plain fork, on purpose: the guest has so few pages that it costs about as much as vfork, and a child that shares the
 * guest's memory or holds it up could be stopped by a signal from inside the Tiny VM and take PID 1 with it.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/close_range.h>

enum { CANDIDATE_BYTES = 4096, CHILD_UMASK = 022, EXIT_NOT_STARTED = 127, HIGHEST_SIGNAL = 64, KERNEL_SIGSET_BYTES = 8 };

static struct rlimit child_descriptors;
static const char *child_oom_score = "0";

static int write_oom_score(const char *score) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t written = write(fd, score, strlen(score));
    int error = written < 0 ? -errno : 0;
    (void)close(fd);
    return error;
}

void spawn_init(void) {
    if (getrlimit(RLIMIT_NOFILE, &child_descriptors) == 0) {
        struct rlimit own = {child_descriptors.rlim_max, child_descriptors.rlim_max};
        (void)setrlimit(RLIMIT_NOFILE, &own); /* without it the guest merely reports EMFILE earlier */
    }
    /* The OOM killer must take a command before it takes PID 1, and with it the Tiny VM. Lowering one's own score needs a
     * privilege that a user namespace does not give; then the children are raised instead. */
    if (write_oom_score("-999") != 0)
        child_oom_score = "500";
}

/* ---- the child, from here on ---- */

static int reset_signals(void) {
    /* The kernel's own structure, all zero: SIG_DFL. Not through libc, which refuses 32 and 33, its own two. */
    const unsigned long standard[8] = {0};
    sigset_t none;
    for (int number = 1; number <= HIGHEST_SIGNAL; number++)
        (void)syscall(SYS_rt_sigaction, number, standard, NULL, KERNEL_SIGSET_BYTES); /* EINVAL for KILL and STOP */
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts stdio[i] at i. The descriptors are all above 2 (main keeps 0 to 2 occupied), so none is overwritten early. */
static int place_stdio(const int stdio[3]) {
    for (int i = 0; i < 3; i++)
        if (dup2(stdio[i], i) < 0)
            return -1;
    return 0;
}

static int seal_descriptors(void) {
    /* All are close-on-exec already; this is the second lock. Old kernels and gVisor may not have it. */
    if (syscall(SYS_close_range, 3U, ~0U, (unsigned)CLOSE_RANGE_CLOEXEC) != 0 && errno != ENOSYS && errno != EINVAL)
        return -1;
    return 0;
}

static int assume_user(const struct user *user) {
    bool itself = user->uid == geteuid() && user->gid == getegid();
    /* Without privilege, or where the user namespace denies setgroups (user_namespaces(7)), the guest can still run
     * commands as what it is; anything else is refused. */
    if (setgroups(user->group_count, user->groups) != 0 && !(itself && errno == EPERM))
        return -1;
    if (setresgid(user->gid, user->gid, user->gid) != 0)
        return -1;
    return setresuid(user->uid, user->uid, user->uid);
}

static int enter_directory(const struct spawn_request *request) {
    if (request->directory != NULL)
        return chdir(request->directory);
    return chdir(request->user->home) == 0 ? 0 : chdir("/");
}

/* Returns only on failure, errno set. Like execvp(3) but with the command's PATH and without its shell fallback. */
static void execute(const struct spawn_request *request) {
    const char *program = request->argv[0];
    char candidate[CANDIDATE_BYTES];
    int remembered = ENOENT;
    if (program[0] == '\0') {
        errno = ENOENT;
        return;
    }
    if (strchr(program, '/') != NULL) {
        (void)execve(program, request->argv, request->environment);
        return;
    }
    size_t name = strlen(program);
    for (const char *at = request->path; at != NULL;) {
        const char *colon = strchr(at, ':');
        size_t length = colon == NULL ? strlen(at) : (size_t)(colon - at);
        const char *directory = length == 0 ? "." : at;
        size_t shown = length == 0 ? 1 : length;
        if (shown + 1 + name < sizeof candidate) {
            memcpy(candidate, directory, shown);
            candidate[shown] = '/';
            memcpy(candidate + shown + 1, program, name + 1);
            (void)execve(candidate, request->argv, request->environment);
            if (errno == EACCES)
                remembered = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return;
        }
        at = colon == NULL ? NULL : colon + 1;
    }
    errno = remembered;
}

static int start_session(void) {
    return setsid() < 0 ? -1 : 0;
}

static enum spawn_step prepare(const struct spawn_request *request) {
    if (start_session() != 0)
        return SPAWN_SESSION;
    if (place_stdio(request->stdio) != 0)
        return SPAWN_STDIO;
    if (request->terminal && ioctl(0, TIOCSCTTY, 0) != 0)
        return SPAWN_TERMINAL;
    if (reset_signals() != 0)
        return SPAWN_SIGNALS;
    if (seal_descriptors() != 0 || setrlimit(RLIMIT_NOFILE, &child_descriptors) != 0)
        return SPAWN_DESCRIPTORS;
    (void)write_oom_score(child_oom_score); /* raising is always allowed; without /proc the score is the inherited one */
    (void)umask(CHILD_UMASK);
    if (assume_user(request->user) != 0)
        return SPAWN_IDENTITY;
    if (enter_directory(request) != 0)
        return SPAWN_DIRECTORY;
    execute(request);
    return SPAWN_PROGRAM;
}

int spawn(const struct spawn_request *request, pid_t *pid) {
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child > 0) {
        *pid = child;
        return 0;
    }
    struct spawn_failure failure = {.step = (int)prepare(request)};
    failure.error = errno;
    ssize_t written = write(request->report, &failure, sizeof failure); /* smaller than PIPE_BUF: whole or not at all */
    _exit(written == (ssize_t)sizeof failure ? EXIT_NOT_STARTED : EXIT_NOT_STARTED - 1);
}

void spawn_explain(const struct spawn_failure *failure, const char *program, const char *directory, struct text *text) {
    static const char *const steps[] = {
        [SPAWN_SESSION] = "starting a session",          [SPAWN_STDIO] = "connecting standard input and output",
        [SPAWN_TERMINAL] = "taking the terminal",        [SPAWN_SIGNALS] = "resetting signals",
        [SPAWN_DESCRIPTORS] = "closing descriptors",     [SPAWN_IDENTITY] = "becoming the user",
    };
    if (failure->step == SPAWN_DIRECTORY) {
        text_start(text, "could not enter the working directory '");
        text_add(text, directory == NULL ? "/" : directory);
        text_add(text, "'");
    } else if (failure->step == SPAWN_PROGRAM) {
        text_start(text, "could not run '");
        text_add(text, program);
        text_add(text, strchr(program, '/') == NULL ? "' (looked for in PATH)" : "'");
    } else {
        text_start(text, "could not start '");
        text_add(text, program);
        text_add(text, "': ");
        size_t step = (size_t)failure->step;
        text_add(text, step < sizeof steps / sizeof steps[0] && steps[step] != NULL ? steps[step] : "unknown step");
    }
    text_add_errno(text, failure->error);
}
