/* Connections of the manager: buffers and answers. Used by server.c only, from one thread. */
#ifndef SPAWNER_CLIENT_H
#define SPAWNER_CLIENT_H

#include "../../wire/wire.h"
#include "sys.h"

enum { MAX_CLIENTS = 64 };

/* Unsent answers per client; one that lets more pile up is disconnected. */
#define CLIENT_BACKLOG_BYTES (4U << 20)

struct client {
    int fd; /* -1: free */
    uint32_t generation;
    bool subscribed;
    bool writing; /* EPOLLOUT is asked for */
    uint32_t subscription; /* stream */
    struct wire_decoder decoder;
    uint8_t *in;
    uint8_t *out;
    size_t out_start, out_end, out_room;
};

void clients_reset(int epoll, uint64_t key_base);
struct client *client_at(uint32_t index);
/* Takes over a connected, non-blocking socket; -EMFILE when 64 are there. */
int client_add(int fd);
void client_drop(uint32_t index);
/* Sends or queues whole frames. */
void client_send(uint32_t index, const uint8_t *bytes, size_t length);
void client_flush(uint32_t index);
bool client_idle(uint32_t index);

#endif
