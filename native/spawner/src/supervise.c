/* See supervise.h. */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "layer.h"
#include "network.h"
#include "store.h"

enum { RESTART_PAUSE_MILLIS = 200, QUICK_DEATH_MILLIS = 1000 };

static struct setup *setup;
static struct shared *shared;
static volatile int watched = -1; /* the supervisor's descriptor of the spawner */

static size_t kept_fds(int *out, size_t room) {
    size_t used = cgroups_fds(out, room);
    used += layers_fds(out + used, room - used);
    used += store_fds(out + used, room - used);
    used += network_fds(out + used, room - used);
    const int single[] = {setup->lock,       setup->claim.fd,   setup->claim.dir, setup->place.parent,
                          setup->listener,   setup->host.guest, setup->ready};
    for (size_t i = 0; i < sizeof single / sizeof *single && used < room; i++)
        if (single[i] >= 0)
            out[used++] = single[i];
    return used;
}

/* A process made by the other one inherits its clients and walls' descriptors: they go. */
static int forget_descriptors(void) {
    int keep[48];
    size_t count = kept_fds(keep, 48);
    return close_all_but(keep, count);
}

/* ---- the spawner's side ---- */

static void report_ready(const struct fault *fault) {
    if (setup->ready < 0)
        return;
    if (fault->error == 0)
        dprintf(setup->ready, "ready uid=%u\n", claim_uid(setup->claim.block, 0));
    else
        dprintf(setup->ready, "error: %s (%s)\n", fault->text, fault->step);
    fd_close(&setup->ready);
}

static void remove_everything(void) {
    network_close();
    cgroups_remove_parent();
    layers_close();
    store_close();
    tree_remove_files(&setup->place);
    claim_release(&setup->claim);
}

static int new_supervisor(void);

static _Noreturn void become_spawner(int supervisor) {
    prctl(PR_SET_NAME, "tinyvm-spawner");
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    signal(SIGCHLD, SIG_DFL);
    watched = -1;
    const struct server_setup server = {.host = &setup->host, .shared = shared, .listener = setup->listener,
                                        .supervisor = supervisor, .new_supervisor = new_supervisor,
                                        .remove_everything = remove_everything};
    _exit(server_run(&server, report_ready));
}

/* ---- the supervisor's side ---- */

/* Starts a spawner; returns its pidfd. */
static int start_spawner(void) {
    int self = sys_pidfd_open(getpid());
    if (self < 0)
        return self;
    pid_t pid = fork();
    if (pid == 0)
        become_spawner(self);
    int result = pid < 0 ? -errno : sys_pidfd_open(pid);
    fd_close(&self);
    fd_close(&setup->ready); /* answering is the first spawner's part, and nobody after it */
    return result;
}

/* Waits for the spawner at pidfd and starts others as long as it must. Returns the exit code. */
static int watch_spawner(int spawner) {
    for (;;) {
        watched = spawner;
        int64_t since = now_millis();
        struct pollfd poll_fd = {.fd = spawner, .events = POLLIN};
        while (spawner >= 0 && poll(&poll_fd, 1, -1) < 0 && errno == EINTR)
            ;
        watched = -1;
        fd_close(&spawner);
        if (shared->finished != 0)
            return 0;
        if (shared->supervisor != getpid())
            return EXIT_SYSTEM; /* another one has taken this one's place: there must never be two spawners */
        if (shared->started == 0)
            return EXIT_SYSTEM; /* it never served; it has said why */
        if (now_millis() - since < QUICK_DEATH_MILLIS)
            (void)poll(NULL, 0, RESTART_PAUSE_MILLIS); /* no busy loop when something ends it again and again */
        spawner = start_spawner();
    }
}

/* SIGTERM to either is an orderly end. */
static void on_terminate(int number) {
    (void)number;
    shared->quitting = 1;
    if (watched >= 0)
        sys_pidfd_signal(watched, SIGTERM);
}

static void be_supervisor(void) {
    struct sigaction terminate = {.sa_handler = on_terminate};
    shared->supervisor = getpid();
    prctl(PR_SET_NAME, "tinyvm-superv");
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphaned walls come here */
    signal(SIGCHLD, SIG_IGN);         /* and are reaped by the kernel */
    sigaction(SIGTERM, &terminate, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int new_supervisor(void) {
    int self = sys_pidfd_open(getpid());
    if (self < 0)
        return self;
    pid_t pid = fork();
    if (pid == 0) {
        int keep[48];
        size_t count = kept_fds(keep, 47);
        keep[count++] = self;
        if (close_all_but(keep, count) < 0)
            _exit(EXIT_SYSTEM);
        server_forget();
        be_supervisor();
        _exit(watch_spawner(self));
    }
    fd_close(&self);
    return pid < 0 ? -errno : sys_pidfd_open(pid);
}

int supervise(struct setup *with) {
    setup = with;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || forget_descriptors() < 0) {
        dprintf(setup->ready, "error: cannot start the supervisor: %s\n", strerror(errno));
        return EXIT_SYSTEM;
    }
    be_supervisor();
    return watch_spawner(start_spawner());
}
