/* See server.h: descriptors, clients and the answers that have to wait. requests.c holds what each request does. */
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkpoint.h"
#include "client.h"
#include "lower.h"
#include "network.h"
#include "requests.h"

enum { EVENTS_PER_WAKE = 64, MAX_WAITING = 1024 };

/* epoll keys: the kind in the high half, a slot or a client's index in the low one. */
enum { KEY_WALL_PID, KEY_WALL_CONTROL, KEY_WALL_OOM, KEY_NETWORK, KEY_CHECKPOINT, KEY_LISTENER, KEY_SIGNAL, KEY_SUPERVISOR, KEY_CLIENT };

static struct waiting {
    bool used;
    enum waiting_kind kind;
    uint32_t client, generation, stream;
    char id[ID_BYTES];
    int64_t deadline;
} waitings[MAX_WAITING];

static const struct server_setup *setup;
static int epoll = -1;
static int signals = -1;
static int supervisor = -1;

static int watch(uint64_t kind, uint32_t index, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.u64 = kind << 32 | index};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void server_watch(enum watch kind, uint32_t slot, int fd, uint32_t events) {
    watch((uint64_t)kind, slot, fd, events);
}

void server_unwatch(int *fd) {
    if (*fd >= 0)
        epoll_ctl(epoll, EPOLL_CTL_DEL, *fd, NULL);
    fd_close(fd);
}

/* ---- answers that wait ---- */

int server_wait(enum waiting_kind kind, uint32_t client, uint32_t stream, const char *id, int64_t deadline) {
    for (size_t i = 0; i < MAX_WAITING; i++)
        if (!waitings[i].used) {
            waitings[i] = (struct waiting){.used = true, .kind = kind, .client = client, .stream = stream, .deadline = deadline,
                                           .generation = client_at(client)->generation};
            snprintf(waitings[i].id, sizeof waitings[i].id, "%s", id);
            return 0;
        }
    return -EAGAIN;
}

static bool is_for(const struct waiting *waiting, enum waiting_kind kind, const char *id) {
    return waiting->used && waiting->kind == kind && strcmp(waiting->id, id) == 0;
}

/* Whether the client that asked is still the one at this index. */
static bool is_there(const struct waiting *waiting) {
    return client_at(waiting->client)->fd >= 0 && client_at(waiting->client)->generation == waiting->generation;
}

void server_started(uint32_t slot) {
    const struct wall *wall = wall_at(slot);
    for (size_t i = 0; i < MAX_WAITING; i++)
        if (is_for(&waitings[i], WAIT_CREATE, wall->id)) {
            waitings[i].used = false;
            if (is_there(&waitings[i]))
                answer_created(waitings[i].client, waitings[i].stream, setup->host, wall);
        }
}

void server_cleaned(uint32_t slot, const char *id, const struct fault *fault) {
    (void)slot;
    if (id[0] == 0)
        return;
    for (size_t i = 0; i < MAX_WAITING; i++) {
        bool create = is_for(&waitings[i], WAIT_CREATE, id);
        if (!create && !is_for(&waitings[i], WAIT_DESTROY, id) && !is_for(&waitings[i], WAIT_FREEZE, id))
            continue;
        waitings[i].used = false;
        if (!is_there(&waitings[i]))
            continue;
        struct fault gone = *fault;
        if (gone.error == 0)
            fault_set(&gone, ECANCELED, "destroyed", "%s was destroyed meanwhile", id);
        if (waitings[i].kind == WAIT_DESTROY)
            answer_ok(waitings[i].client, waitings[i].stream);
        else
            answer_error(waitings[i].client, waitings[i].stream, &gone);
    }
}

void server_checkpointed(const char *id, uint64_t bytes, const struct fault *fault) {
    for (size_t i = 0; i < MAX_WAITING; i++) {
        if (!is_for(&waitings[i], WAIT_CHECKPOINT, id))
            continue;
        waitings[i].used = false;
        if (!is_there(&waitings[i]))
            continue;
        if (fault->error == 0)
            answer_bytes(waitings[i].client, waitings[i].stream, bytes);
        else
            answer_error(waitings[i].client, waitings[i].stream, fault);
    }
}

void server_ended(const char *id, int wait_status, uint64_t oom_kills) {
    send_event(1, id, wait_status, oom_kills);
}

void server_oom(const char *id, uint64_t oom_kills) {
    send_event(2, id, -1, oom_kills);
}

/* Freezes that the kernel has not finished, and out-of-memory kills whose count lags behind their notice. */
static int check_waiting(void) {
    int wait = -1;
    int64_t now = now_millis();
    for (size_t i = 0; i < MAX_WAITING; i++) {
        struct waiting *waiting = &waitings[i];
        if (!waiting->used || waiting->deadline == 0)
            continue;
        if (!is_there(waiting)) {
            waiting->used = false;
            continue;
        }
        if (waiting->kind == WAIT_FREEZE && retry_freeze(waiting->client, waiting->stream, waiting->id, now >= waiting->deadline))
            waiting->used = false;
        else
            wait = 1;
    }
    return wait;
}

/* ---- clients ---- */

static void accept_client(void) {
    int fd = accept4(setup->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof peer;
    bool allowed = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
                   (peer.uid == 0 || peer.uid == claim_uid(setup->host->block, 0));
    if (!allowed || client_add(fd) < 0)
        fd_close(&fd);
}

static void read_client(uint32_t index) {
    struct client *client = client_at(index);
    size_t room = 0;
    uint8_t *space = wire_decoder_space(&client->decoder, &room);
    ssize_t n = recv(client->fd, space, room, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_drop(index);
        return;
    }
    wire_decoder_filled(&client->decoder, (size_t)n);
    struct wire_frame frame;
    uint32_t generation = client->generation;
    int more;
    while ((more = wire_decoder_next(&client->decoder, &frame)) == 1) {
        if (handle_request(setup, index, &frame) < 0) {
            more = -EBADMSG;
            break;
        }
        if (client->fd < 0 || client->generation != generation)
            return;
    }
    if (more < 0)
        client_drop(index);
}

/* ---- the rest of the loop ---- */

static void supervisor_ended(void) {
    struct pollfd ended = {.fd = supervisor, .events = POLLIN};
    if (supervisor >= 0 && poll(&ended, 1, 0) != 1)
        return;
    siginfo_t gone; /* reaped when it was this spawner's child */
    while (waitid(P_PIDFD, (id_t)ended.fd, &gone, WEXITED | WNOHANG) < 0 && errno == EINTR)
        ;
    server_unwatch(&supervisor);
    supervisor = setup->new_supervisor();
    if (supervisor >= 0)
        watch(KEY_SUPERVISOR, 0, supervisor, EPOLLIN);
}

static void read_signal(void) {
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) == (ssize_t)sizeof info && info.ssi_signo == SIGTERM)
        setup->shared->quitting = 1;
}

static void dispatch(const struct epoll_event *event) {
    uint32_t index = (uint32_t)event->data.u64;
    switch (event->data.u64 >> 32) {
    case KEY_WALL_PID: wall_event(WATCH_PID, index); break;
    case KEY_WALL_CONTROL: wall_event(WATCH_CONTROL, index); break;
    case KEY_WALL_OOM: wall_event(WATCH_OOM, index); break;
    case KEY_NETWORK: network_changed(); break;
    case KEY_CHECKPOINT: checkpoint_event(index); break;
    case KEY_LISTENER: accept_client(); break;
    case KEY_SIGNAL: read_signal(); break;
    case KEY_SUPERVISOR: supervisor_ended(); break;
    default:
        if (client_at(index)->fd >= 0 && (event->events & EPOLLOUT) != 0)
            client_flush(index);
        if (client_at(index)->fd >= 0 && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
            read_client(index);
    }
}

static int shorter(int a, int b) {
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

void server_forget(void) {
    lowers_forget();
    epoll = signals = supervisor = -1;
}

static int start_loop(struct fault *fault) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    memset(waitings, 0, sizeof waitings);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (epoll < 0 || signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return fault_set(fault, errno, "start-loop", "cannot make the event loop");
    clients_reset(epoll, (uint64_t)KEY_CLIENT << 32);
    supervisor = setup->supervisor;
    int result = watch(KEY_LISTENER, 0, setup->listener, EPOLLIN);
    if (result == 0)
        result = watch(KEY_SIGNAL, 0, signals, EPOLLIN);
    if (result == 0)
        result = watch(KEY_SUPERVISOR, 0, supervisor, EPOLLIN);
    return result == 0 ? 0 : fault_set(fault, -result, "start-loop", "cannot watch descriptors");
}

/* Sends everybody's last answers, waiting a little for slow readers. */
static void finish_clients(void) {
    int64_t deadline = now_millis() + 1000;
    answer_quits();
    for (uint32_t i = 0; i < MAX_CLIENTS; i++)
        while (!client_idle(i) && now_millis() < deadline) {
            client_flush(i);
            if (!client_idle(i))
                poll_briefly();
        }
}

void answer_quits(void) {
    for (size_t i = 0; i < MAX_WAITING; i++)
        if (waitings[i].used && waitings[i].kind == WAIT_QUIT) {
            waitings[i].used = false;
            if (is_there(&waitings[i]))
                answer_ok(waitings[i].client, waitings[i].stream);
        }
}

void poll_briefly(void) {
    struct epoll_event events[EVENTS_PER_WAKE];
    (void)!epoll_wait(epoll, events, EVENTS_PER_WAKE, 10);
}

static bool quit_when_empty(void) {
    for (uint32_t slot = 1; slot < walls_end(); slot++)
        wall_clean(slot);
    return walls_count() == 0;
}

int server_run(const struct server_setup *with, void (*on_ready)(const struct fault *fault)) {
    struct fault fault = {0};
    setup = with;
    int result = start_loop(&fault);
    walls_init(setup->host);
    if (result == 0)
        result = walls_adopt(&fault);
    if (result == 0)
        network_adopt();
    on_ready(&fault);
    if (result < 0)
        return EXIT_SYSTEM;
    setup->shared->started = 1;
    for (;;) {
        struct epoll_event events[EVENTS_PER_WAKE];
        int wait = shorter(walls_retry(), check_waiting());
        if (setup->shared->quitting != 0 && quit_when_empty())
            break;
        /* Blank walls are made when nothing else is to be done. */
        bool busy = false;
        int count = epoll_wait(epoll, events, EVENTS_PER_WAKE, 0);
        if (count == 0 && setup->shared->quitting == 0)
            busy = walls_refill();
        if (count == 0 && !busy)
            count = epoll_wait(epoll, events, EVENTS_PER_WAKE, wait);
        if (count < 0 && errno != EINTR)
            return EXIT_SYSTEM;
        for (int i = 0; i < count; i++)
            dispatch(&events[i]);
    }
    setup->remove_everything();
    setup->shared->finished = 1;
    finish_clients();
    return 0;
}
