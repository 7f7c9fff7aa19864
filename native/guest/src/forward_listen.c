/*
 * LISTEN: ports bound inside, whose connections become INBOUND streams. A port outlives the connection that asked for it:
 * without a host its backlog waits, until a LISTEN for the same port takes it over; CANCEL unbinds it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "forward.h"
#include "limits.h"
#include "listen_streams.h"
#include "messages.h"
#include "relay.h"

enum { BACKLOG = 128 };

struct port {
    struct port *next;
    struct source source;
    struct listening *owner; /* NULL: no host cares at the moment */
    uint16_t number;
};

struct listening {
    struct stream stream;
    struct port *port;
    bool announced;
};

static struct port *ports;
static unsigned starved; /* ports parked because all streams were taken */
static uint32_t next_inbound = FIRST_GUEST_STREAM;

static struct listening *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct listening, stream);
}

static void ready(struct source *source, uint32_t events) {
    struct port *port = CONTAINER_OF(source, struct port, source);
    (void)events;
    source_want(source, 0);
    if (port->owner != NULL)
        stream_wake(&port->owner->stream);
}

static int bind_port(uint16_t number, int *listener) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(number), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    *listener = fd;
    return 0;
}

static int new_port(uint16_t number, struct port **made) {
    int fd = -1;
    int error = bind_port(number, &fd);
    if (error != 0)
        return error;
    struct port *port = calloc(1, sizeof *port);
    if (port != NULL)
        port->source = SOURCE_CLOSED(ready);
    error = port == NULL ? -ENOMEM : source_open(&port->source, fd, 0);
    if (error != 0) {
        (void)close(fd);
        free(port);
        return error;
    }
    port->number = number;
    port->next = ports;
    ports = port;
    *made = port;
    return 0;
}

static void free_port(struct port *port) {
    struct port **link = &ports;
    while (*link != port)
        link = &(*link)->next;
    *link = port->next;
    source_close(&port->source);
    free(port);
}

/* ---- accepting ---- */

static uint32_t inbound_id(void) {
    /* After two thousand million connections the numbers start again; those still open are passed over. */
    while (stream_find(next_inbound) != NULL)
        next_inbound = next_inbound == UINT32_MAX ? FIRST_GUEST_STREAM : next_inbound + 1;
    uint32_t id = next_inbound;
    next_inbound = next_inbound == UINT32_MAX ? FIRST_GUEST_STREAM : next_inbound + 1;
    return id;
}

static void open_inbound(struct listening *listening, int fd, uint16_t peer_port) {
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL || relay_open(relay, inbound_id(), RELAY_AWAITING_HOST) != 0) {
        free(relay);
        (void)close(fd); /* the client sees a reset, as with any overloaded server */
        return;
    }
    relay->port = peer_port;
    relay->listen_stream = listening->stream.id;
    relay->announce = true;
    if (source_open(&relay->source, fd, 0) != 0) {
        (void)close(fd);
        stream_end(&relay->stream);
        return;
    }
    stream_wake(&relay->stream);
}

/* Accepts one connection. True when more may wait. */
static bool accept_one(struct listening *listening) {
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof peer;
    if (stream_count() >= LIMIT_STREAMS) {
        starved++;
        return false;
    }
    int fd = accept4(listening->port->source.fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        open_inbound(listening, fd, ntohs(peer.sin_port));
        return true;
    }
    if (errno == ECONNABORTED || errno == EINTR)
        return true;
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        starved++; /* tried again when a stream has ended */
    else
        source_want(&listening->port->source, EPOLLIN);
    return false;
}

static bool pump(struct stream *stream) {
    struct listening *listening = cast(stream);
    if (!listening->announced) {
        connection_frame(WATCHING, stream->id);
        connection_frame_end();
        listening->announced = true;
    }
    return accept_one(listening);
}

void listen_streams_retry(void) {
    if (starved == 0)
        return;
    starved = 0;
    for (struct port *port = ports; port != NULL; port = port->next)
        if (port->owner != NULL)
            stream_wake(&port->owner->stream);
}

/* ---- LISTEN and its end ---- */

static void release(struct stream *stream) {
    struct listening *listening = cast(stream);
    if (listening->port != NULL) {
        source_want(&listening->port->source, 0);
        listening->port->owner = NULL;
    }
    free(listening);
}

static void cancel(struct stream *stream) {
    struct listening *listening = cast(stream);
    free_port(listening->port);
    listening->port = NULL;
    stream_end(stream);
}

static int take_port(uint16_t number, struct port **taken) {
    if (number == 0)
        return -EINVAL;
    for (struct port *port = ports; port != NULL; port = port->next) {
        if (port->number == number) {
            *taken = port;
            return port->owner != NULL ? -EADDRINUSE : 0;
        }
    }
    return new_port(number, taken);
}

void forward_listen(uint32_t id, struct wire_reader *payload) {
    static const struct stream_class class = {.pump = pump, .cancel = cancel, .release = release};
    struct port *port = NULL;
    struct listening *listening = calloc(1, sizeof *listening);
    int error = listening == NULL ? -ENOMEM : take_port(wire_read_u16(payload), &port);
    if (error == 0) {
        error = stream_open(&listening->stream, id, &class);
        if (error != 0)
            free_port(port);
    }
    if (error != 0) {
        free(listening);
        answer_failure(id, -error, "listen on the port", NULL);
        return;
    }
    listening->port = port;
    port->owner = listening;
    stream_wake(&listening->stream);
}
