/*
 * tinyvm-guest: PID 1 of a Linux Tiny VM. Started by the spawner inside the finished wall; speaks spec/guest-protocol.md to
 * the host. As an ordinary process (tests, debugging) it behaves the same, as subreaper for what it starts.
 *
 * Exit codes: 0 after SHUTDOWN, 64 wrong usage, 71 the system refused something at start. Once it serves it does not exit
 * for any input.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "connection.h"
#include "endpoint.h"
#include "identity.h"
#include "libc.h"
#include "limits.h"
#include "loop.h"
#include "naming.h"
#include "process.h"
#include "shutdown.h"
#include "spawn.h"
#include "statistics.h"
#include "suspend.h"
#include "text.h"
#include "users.h"
#include "version.h"

enum { EXIT_USAGE = 64, EXIT_SYSTEM = 71 };

struct options {
    const char *listen_fd;
    const char *listen_path;
    const char *port;
    const char *user;
};

static void say(const struct text *text) {
    ssize_t ignored = write(STDERR_FILENO, text->bytes, text->length);
    (void)ignored; /* there is nobody else to tell */
}

static int fail(const char *what, int error) {
    struct text text;
    text_start(&text, "tinyvm-guest: could not ");
    text_add(&text, what);
    text_add_errno(&text, error);
    text_add(&text, "\n");
    say(&text);
    return EXIT_SYSTEM;
}

static int usage(void) {
    struct text text;
    text_start(&text, "usage: tinyvm-guest (--listen-fd N | --listen-path PATH | --port PATH) [--user NAME]\n"
                      "                    [--admin for-naming]\n"
                      "       tinyvm-guest --version\n");
    say(&text);
    return EXIT_USAGE;
}

/* ---- signals ---- */

static void signals_ready(struct source *source, uint32_t events);
static struct source signals = SOURCE_CLOSED(signals_ready);

static void signals_ready(struct source *source, uint32_t events) {
    struct signalfd_siginfo info;
    bool ended = false;
    (void)events;
    while (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            ended = true;
        else if (!shutdown_in_progress())
            shutdown_begin(SIGNALLED_GRACE_MILLIS);
    }
    if (ended)
        shutdown_reaped(processes_reap());
}

static int watch_signals(void) {
    sigset_t set;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    /* An inherited "ignore" of SIGCHLD would make the kernel reap, and lose exit statuses. */
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 || sigaction(SIGCHLD, &standard, NULL) != 0 ||
        sigprocmask(SIG_SETMASK, &set, NULL) != 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    return source_open(&signals, fd, EPOLLIN);
}

/* ---- memory ---- */

static struct timer trim;

/* One wake a second at most while there is activity, none when idle. */
static void give_back(struct timer *timer) {
    (void)timer;
    processes_trim();
    connection_trim();
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

static bool serve(bool woken) {
    bool busy = connection_service();
    busy = shutdown_check() || busy;
    busy = suspend_check() || busy;
    if (woken && !trim.armed)
        timer_arm(&trim, TRIM_DELAY_MICROS, give_back);
    return busy;
}

/* ---- start ---- */

/* Descriptors 0 to 2 must be taken, so that no pipe gets one of these numbers. */
static int occupy_stdio(void) {
    for (;;) {
        int fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            return errno == ENOENT ? 0 : -errno;
        if (fd > STDERR_FILENO)
            return close(fd) != 0 ? -errno : 0;
    }
}

/* A new network namespace has its loopback down; forwarding and most programs need it. Where it may not be changed it is
 * the wall's business, so failures are not ours. */
static void raise_loopback(void) {
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    strcpy(request.ifr_name, "lo");
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) == 0) {
        request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
        (void)ioctl(fd, SIOCSIFFLAGS, &request);
    }
    (void)close(fd);
}

static int open_endpoint(const struct options *options) {
    uint32_t fd = 0;
    if (options->listen_path != NULL)
        return endpoint_listen_path(options->listen_path);
    if (options->port != NULL)
        return endpoint_port(options->port);
    if (text_parse_u32(options->listen_fd, strlen(options->listen_fd), &fd) != 0 || fd > 1048576)
        return -EBADF;
    return endpoint_listen_fd((int)fd);
}

static int start(const struct options *options) {
    int error = occupy_stdio();
    if (error != 0)
        return fail("open /dev/null", -error);
    /* Commands, even root's among them, should find it harder to look into PID 1 (ptrace(2), /proc/1/mem). */
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return fail("become undumpable", errno);
    if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return fail("become subreaper", errno);
    (void)syscall(SYS_close_range, 3U, ~0U, (unsigned)CLOSE_RANGE_CLOEXEC); /* ENOSYS: each command does without, too */
    (void)umask(0); /* modes are what the host says */
#ifdef __GLIBC__ /* musl gives free pages back by itself */
    (void)mallopt(M_MMAP_THRESHOLD, 65536);
    (void)mallopt(M_TRIM_THRESHOLD, 65536);
    (void)mallopt(M_TOP_PAD, 0);
#endif
    statistics_init();
    identity_init();
    spawn_init();
    if (getpid() == 1)
        raise_loopback();
    users_set_default(options->user == NULL ? "root" : options->user);
    error = loop_init();
    if (error == 0)
        error = watch_signals();
    if (error != 0)
        return fail("set up the event loop", -error);
    error = open_endpoint(options);
    if (error != 0)
        return fail("open the way to the host", -error);
    loop_run(serve);
    return 0;
}

static bool read_options(int argc, char **argv, struct options *options) {
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value == NULL)
            return false;
        if (strcmp(argv[i], "--listen-fd") == 0)
            options->listen_fd = value;
        else if (strcmp(argv[i], "--listen-path") == 0)
            options->listen_path = value;
        else if (strcmp(argv[i], "--port") == 0)
            options->port = value;
        else if (strcmp(argv[i], "--user") == 0)
            options->user = value;
        else if (strcmp(argv[i], "--admin") == 0 && strcmp(value, "for-naming") == 0)
            naming_holds_admin();
        else
            return false;
    }
    return (options->listen_fd != NULL) + (options->listen_path != NULL) + (options->port != NULL) == 1;
}

int main(int argc, char **argv) {
    struct options options = {0};
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        static const char version[] = "tinyvm-guest " GUEST_VERSION " (protocol 1)\n";
        return write(STDOUT_FILENO, version, sizeof version - 1) < 0 ? EXIT_SYSTEM : 0;
    }
    if (!read_options(argc, argv, &options))
        return usage();
    return start(&options);
}
