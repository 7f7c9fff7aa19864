/* See client.h. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct client clients[MAX_CLIENTS];
static bool initialised;
static int epoll = -1;
static uint64_t key_base;

void clients_reset(int epoll_fd, uint64_t base) {
    epoll = epoll_fd;
    key_base = base;
    for (uint32_t i = 0; i < MAX_CLIENTS; i++) {
        if (initialised) {
            free(clients[i].in);
            free(clients[i].out);
        }
        clients[i] = (struct client){.fd = -1};
    }
    initialised = true;
}

struct client *client_at(uint32_t index) {
    return &clients[index];
}

int client_add(int fd) {
    for (uint32_t i = 0; i < MAX_CLIENTS; i++) {
        struct client *client = &clients[i];
        if (client->fd >= 0)
            continue;
        uint8_t *in = malloc(2 * WIRE_MAX_FRAME_BYTES);
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = key_base + i};
        if (in == NULL || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
            free(in);
            return -ENOMEM;
        }
        uint32_t generation = client->generation + 1;
        *client = (struct client){.fd = fd, .generation = generation, .in = in};
        wire_decoder_init(&client->decoder, in, 2 * WIRE_MAX_FRAME_BYTES);
        return (int)i;
    }
    return -EMFILE;
}

void client_drop(uint32_t index) {
    struct client *client = &clients[index];
    if (client->fd >= 0)
        epoll_ctl(epoll, EPOLL_CTL_DEL, client->fd, NULL); /* a child may hold a copy for a moment */
    fd_close(&client->fd);
    free(client->in);
    free(client->out);
    *client = (struct client){.fd = -1, .generation = client->generation + 1};
}

static void want_writing(uint32_t index, bool wanted) {
    struct client *client = &clients[index];
    struct epoll_event event = {.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.u64 = key_base + index};
    if (client->writing != wanted && epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event) == 0)
        client->writing = wanted;
}

void client_flush(uint32_t index) {
    struct client *client = &clients[index];
    while (client->out_start < client->out_end) {
        ssize_t n = send(client->fd, client->out + client->out_start, client->out_end - client->out_start,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            client_drop(index);
            return;
        }
        if (n < 0)
            break;
        client->out_start += (size_t)n;
    }
    if (client->out_start == client->out_end)
        client->out_start = client->out_end = 0;
    want_writing(index, client->out_end > 0);
}

void client_send(uint32_t index, const uint8_t *bytes, size_t length) {
    struct client *client = &clients[index];
    if (client->fd < 0)
        return;
    size_t waiting = client->out_end - client->out_start;
    if (waiting + length > CLIENT_BACKLOG_BYTES) {
        client_drop(index);
        return;
    }
    if (client->out_end + length > client->out_room) {
        if (client->out_start > 0) {
            memmove(client->out, client->out + client->out_start, waiting);
            client->out_start = 0;
            client->out_end = waiting;
        }
        size_t room = client->out_room == 0 ? 4096 : client->out_room;
        while (room < waiting + length)
            room *= 2;
        uint8_t *grown = room == client->out_room ? client->out : realloc(client->out, room);
        if (grown == NULL) {
            client_drop(index);
            return;
        }
        client->out = grown;
        client->out_room = room;
    }
    memcpy(client->out + client->out_end, bytes, length);
    client->out_end += length;
    if (!client->writing)
        client_flush(index);
}

bool client_idle(uint32_t index) {
    return clients[index].fd < 0 || clients[index].out_end == clients[index].out_start;
}
