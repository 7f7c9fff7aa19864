/*
 * DATAGRAMS: a UDP port bound inside, whose datagrams go to the host and whose answers come back, each with the port of the
 * process that asks. Nothing is remembered of anybody who asked. As with UDP everywhere, a datagram may be lost: too large,
 * no credit (the kernel's buffer fills then), a socket that takes no more.
 *
 * A port outlives the connection that asked for it, so that no process inside takes it meanwhile: see forward_listen.c.
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
#include "loop.h"
#include "messages.h"
#include "stream.h"

enum { PORT_BYTES = 2 };

struct datagram_port {
    struct datagram_port *next;
    struct source source;
    struct datagrams *owner; /* NULL: no host cares at the moment */
    uint16_t number;
};

struct datagrams {
    struct stream stream;
    struct datagram_port *port;
    bool announced;
};

static struct datagram_port *ports;

static struct datagrams *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct datagrams, stream);
}

static void ready(struct source *source, uint32_t events) {
    struct datagram_port *port = CONTAINER_OF(source, struct datagram_port, source);
    (void)events;
    source_want(source, 0);
    if (port->owner != NULL)
        stream_wake(&port->owner->stream);
}

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int new_port(uint16_t number, struct datagram_port **made) {
    struct sockaddr_in address = loopback(number);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ? -errno : 0;
    struct datagram_port *port = error == 0 ? calloc(1, sizeof *port) : NULL;
    if (port != NULL)
        port->source = SOURCE_CLOSED(ready);
    else if (error == 0)
        error = -ENOMEM;
    if (error == 0)
        error = source_open(&port->source, fd, 0);
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

static void free_port(struct datagram_port *port) {
    struct datagram_port **link = &ports;
    while (*link != port)
        link = &(*link)->next;
    *link = port->next;
    source_close(&port->source);
    free(port);
}

/* ---- to the host ---- */

/* Takes one datagram. False: there is none. */
static bool take_one(struct datagrams *datagrams) {
    static uint8_t bytes[LIMIT_DATAGRAM_BYTES];
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof peer;
    /* MSG_TRUNC: the length that it had. */
    ssize_t count = recvfrom(datagrams->port->source.fd, bytes, sizeof bytes, MSG_TRUNC, (struct sockaddr *)&peer, &length);
    if (count < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK;
    bool own = peer.sin_family == AF_INET && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && peer.sin_port != 0;
    if (count == 0 || (size_t)count > sizeof bytes || !own)
        return true;
    struct wire_writer *frame = connection_frame(DATAGRAM, datagrams->stream.id);
    wire_write_u16(frame, ntohs(peer.sin_port));
    wire_write_bytes(frame, bytes, (size_t)count);
    connection_frame_end();
    datagrams->stream.send_credit -= PORT_BYTES + (uint64_t)count;
    return true;
}

static bool pump(struct stream *stream) {
    struct datagrams *datagrams = cast(stream);
    if (!datagrams->announced) {
        connection_frame(WATCHING, stream->id);
        connection_frame_end();
        datagrams->announced = true;
    }
    for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
        if (stream->send_credit < PORT_BYTES + LIMIT_DATAGRAM_BYTES)
            return false; /* WINDOW wakes the stream */
        if (!take_one(datagrams)) {
            source_want(&datagrams->port->source, EPOLLIN);
            return false;
        }
    }
    return true;
}

/* ---- from the host ---- */

static bool handle(struct stream *stream, const struct wire_frame *frame) {
    struct datagrams *datagrams = cast(stream);
    if (frame->type != DATAGRAM || !datagrams->announced)
        return false;
    struct wire_reader reader;
    wire_reader_init(&reader, frame->payload, frame->length);
    uint16_t number = wire_read_u16(&reader);
    if (number == 0 || frame->length - PORT_BYTES > LIMIT_DATAGRAM_BYTES)
        return false;
    if (!stream_receive(stream, frame->length))
        return true;
    struct sockaddr_in peer = loopback(number);
    /* Whoever asked may have gone, or the socket is full: then this one is lost. */
    (void)sendto(datagrams->port->source.fd, frame->payload + PORT_BYTES, frame->length - PORT_BYTES, MSG_NOSIGNAL,
                  (const struct sockaddr *)&peer, sizeof peer);
    stream_consume(stream, frame->length);
    return true;
}

/* ---- DATAGRAMS and its end ---- */

static void release(struct stream *stream) {
    struct datagrams *datagrams = cast(stream);
    if (datagrams->port != NULL) {
        source_want(&datagrams->port->source, 0);
        datagrams->port->owner = NULL;
    }
    free(datagrams);
}

static void cancel(struct stream *stream) {
    struct datagrams *datagrams = cast(stream);
    free_port(datagrams->port);
    datagrams->port = NULL;
    stream_end(stream);
}

static int take_port(uint16_t number, struct datagram_port **taken) {
    if (number == 0)
        return -EINVAL;
    for (struct datagram_port *port = ports; port != NULL; port = port->next) {
        if (port->number == number) {
            *taken = port;
            return port->owner != NULL ? -EADDRINUSE : 0;
        }
    }
    return new_port(number, taken);
}

void forward_datagrams(uint32_t id, struct wire_reader *payload) {
    static const struct stream_class class = {.frame = handle, .pump = pump, .cancel = cancel, .release = release};
    struct datagram_port *port = NULL;
    struct datagrams *datagrams = calloc(1, sizeof *datagrams);
    int error = datagrams == NULL ? -ENOMEM : take_port(wire_read_u16(payload), &port);
    if (error == 0) {
        error = stream_open(&datagrams->stream, id, &class);
        if (error != 0)
            free_port(port);
    }
    if (error != 0) {
        free(datagrams);
        answer_failure(id, -error, "take datagrams of the port", NULL);
        return;
    }
    datagrams->port = port;
    port->owner = datagrams;
    stream_wake(&datagrams->stream);
}
