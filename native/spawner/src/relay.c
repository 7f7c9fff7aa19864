/*
 * The keeper's relay: a socket on which the manager connects, and the guest's own inside of the sandbox, which only has a
 * name there. Few connections at once (the guest takes one, a newer one replaces it); one fixed buffer each way; a side that
 * does not read stops the other by leaving its bytes where they are. What is inside is hostile: its socket is opened without
 * following links and must be a socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper.h"
#include "stage.h"

enum { PAIRS = 4, RELAY_BYTES = 64 << 10, KEY_LISTENER = 1 };

struct way {
    size_t start, end;
    uint8_t bytes[RELAY_BYTES];
};

struct pair {
    int fd[2]; /* manager, guest */
    uint64_t age;
    struct way way[2]; /* from fd[i] to the other */
};

static struct pair pairs[PAIRS];
static int epoll = -1;
static int listening = -1;
static uint64_t ages;

int relay_connect(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat info;
    int name = open(STAGE_SOCKET, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (name < 0)
        return -errno;
    int result = fstat(name, &info) < 0 ? -errno : S_ISSOCK(info.st_mode) ? 0 : -EPROTO;
    int fd = result < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", name);
    if (result == 0 && (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0))
        result = -errno;
    fd_close(&name);
    if (result < 0)
        fd_close(&fd);
    return result < 0 ? result : fd;
}

static uint64_t key_of(size_t index, int side) {
    return KEY_LISTENER + 1 + index * 2 + (uint64_t)side;
}

static void close_pair(struct pair *pair) {
    fd_close(&pair->fd[0]);
    fd_close(&pair->fd[1]);
}

/* Waits for what can go on: bytes to come where there is room, room where bytes wait. */
static int set_interest(struct pair *pair, int operation) {
    for (int side = 0; side < 2; side++) {
        struct epoll_event event = {.data.u64 = key_of((size_t)(pair - pairs), side)};
        event.events = (pair->way[side].end == 0 ? EPOLLIN : 0U) | (pair->way[1 - side].end > 0 ? EPOLLOUT : 0U);
        if (epoll_ctl(epoll, operation, pair->fd[side], &event) < 0)
            return -errno;
    }
    return 0;
}

static void accept_one(void) {
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct pair *pair = &pairs[0];
    for (size_t i = 0; i < PAIRS; i++)
        if (pairs[i].fd[0] < 0 || (pair->fd[0] >= 0 && pairs[i].age < pair->age))
            pair = &pairs[i];
    close_pair(pair); /* the oldest, when all are taken */
    pair->fd[0] = fd;
    pair->fd[1] = relay_connect();
    pair->age = ++ages;
    pair->way[0].start = pair->way[0].end = pair->way[1].start = pair->way[1].end = 0;
    if (pair->fd[1] < 0 || set_interest(pair, EPOLL_CTL_ADD) < 0)
        close_pair(pair);
}

/* Moves what can be moved from one side to the other. -1: a side is gone. */
static int carry(struct pair *pair, int from) {
    struct way *way = &pair->way[from];
    if (way->end == 0) {
        ssize_t n = read(pair->fd[from], way->bytes, sizeof way->bytes);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return -1;
        way->start = 0;
        way->end = n > 0 ? (size_t)n : 0;
    }
    if (way->end > 0) {
        ssize_t n = send(pair->fd[1 - from], way->bytes + way->start, way->end - way->start, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        way->start += n > 0 ? (size_t)n : 0;
        if (way->start == way->end)
            way->start = way->end = 0;
    }
    return 0;
}

void relay_event(uint64_t key, uint32_t events) {
    if (key == KEY_LISTENER) {
        accept_one();
        return;
    }
    struct pair *pair = &pairs[(key - KEY_LISTENER - 1) / 2];
    if (pair->fd[0] < 0)
        return;
    bool gone = carry(pair, 0) < 0 || carry(pair, 1) < 0;
    /* A side that is closed and cannot take what waits for it would be reported for ever. */
    gone |= (events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0;
    if (gone || set_interest(pair, EPOLL_CTL_MOD) < 0)
        close_pair(pair);
}

int relay_open(int with, int listener) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = KEY_LISTENER};
    epoll = with;
    listening = listener;
    for (size_t i = 0; i < PAIRS; i++)
        pairs[i].fd[0] = pairs[i].fd[1] = -1;
    int flags = fcntl(listener, F_GETFL);
    if (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        return -errno;
    return 0;
}
