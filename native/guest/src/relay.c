/* One forwarded TCP connection and its stream: see relay.h. */
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "connection.h"
#include "limits.h"
#include "messages.h"

static struct relay *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct relay, stream);
}

/* Input is wanted while the host has given credit; output while something waits. */
static void regulate(struct relay *relay) {
    if (relay->state != RELAY_OPEN)
        return;
    uint32_t events = 0;
    if (!relay->socket_ended && relay->stream.send_credit > 0)
        events |= (uint32_t)EPOLLIN;
    if (relay->waiting.length > 0)
        events |= (uint32_t)EPOLLOUT;
    source_want(&relay->source, events);
}

static void fail(struct relay *relay, int error) {
    relay->error = error;
    source_want(&relay->source, 0);
    stream_wake(&relay->stream);
}

/* Writes what the host sent, as far as the socket takes it. */
static void write_waiting(struct relay *relay) {
    struct iovec pieces[2];
    size_t used = 0;
    int count;
    while (relay->error == 0 && (count = byte_queue_peek(&relay->waiting, 0, READ_PER_WAKE_BYTES, pieces)) > 0) {
        ssize_t written = writev(relay->source.fd, pieces, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            break;
        if (written < 0) {
            fail(relay, errno);
            return;
        }
        used += (size_t)written;
        byte_queue_drop(&relay->waiting, (size_t)written);
    }
    if (relay->host_ended && !relay->write_closed && relay->waiting.length == 0) {
        (void)shutdown(relay->source.fd, SHUT_WR); /* ENOTCONN: the peer reset it, reading tells */
        relay->write_closed = true;
        stream_wake(&relay->stream);
    }
    if (used > 0)
        stream_consume(&relay->stream, used);
}

static void ready(struct source *source, uint32_t events) {
    struct relay *relay = CONTAINER_OF(source, struct relay, source);
    if (relay->state == RELAY_CONNECTING) {
        relay_connect_ready(relay);
        return;
    }
    if ((events & EPOLLOUT) != 0)
        write_waiting(relay);
    regulate(relay);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        /* Parked until the turn has read; otherwise the loop would spin on it meanwhile. */
        source_want(source, relay->source.events & (uint32_t)EPOLLOUT);
        stream_wake(&relay->stream);
    }
}

/* ---- to the host ---- */

static void announce(struct relay *relay) {
    struct wire_writer *frame = connection_frame(relay->listen_stream != 0 ? INBOUND : DIALED, relay->stream.id);
    if (relay->listen_stream != 0) {
        wire_write_u32(frame, relay->listen_stream);
        wire_write_u16(frame, relay->port);
    }
    connection_frame_end();
    relay->announce = false;
}

/* Reads once from the socket into a DATA frame. True when more may be there. */
static bool send_data(struct relay *relay) {
    size_t most = stream_allowance(&relay->stream, DATA_FRAME_BYTES);
    if (most == 0 || relay->socket_ended)
        return false;
    struct wire_writer *frame = connection_frame(DATA, relay->stream.id);
    uint8_t *space = wire_write_space(frame, most);
    ssize_t count = space == NULL ? -1 : read(relay->source.fd, space, most);
    if (count > 0) {
        wire_write_advance(frame, (size_t)count);
        connection_frame_end();
        relay->stream.send_credit -= (uint64_t)count;
        return true;
    }
    if (count == 0) {
        connection_frame(END, relay->stream.id);
        connection_frame_end();
        relay->socket_ended = true;
    } else if (space != NULL && errno != EAGAIN && errno != EINTR) {
        relay->error = errno;
    }
    return false;
}

static bool pump(struct stream *stream) {
    struct relay *relay = cast(stream);
    if (relay->error == 0 && relay->announce)
        announce(relay);
    bool more = relay->error == 0 && relay->state == RELAY_OPEN && send_data(relay);
    if (relay->error != 0) {
        stream_failure(stream, relay->error, relay->state == RELAY_CONNECTING ? "connect to the port" : "forward the connection",
                       NULL);
        return false;
    }
    if (relay->socket_ended && relay->write_closed) {
        stream_done(stream);
        return false;
    }
    if (!more)
        regulate(relay);
    return more;
}

/* ---- from the host ---- */

static void take_data(struct relay *relay, const struct wire_frame *frame) {
    if (!stream_receive(&relay->stream, frame->length) || relay->error != 0)
        return;
    if (byte_queue_append(&relay->waiting, frame->payload, frame->length) != 0) {
        fail(relay, ENOMEM);
        return;
    }
    write_waiting(relay);
    regulate(relay);
}

static bool handle(struct stream *stream, const struct wire_frame *frame) {
    struct relay *relay = cast(stream);
    if (frame->type == DIALED && relay->state == RELAY_AWAITING_HOST) {
        relay->state = RELAY_OPEN;
        stream_wake(stream);
        return true;
    }
    if (relay->state != RELAY_OPEN || relay->host_ended)
        return false;
    if (frame->type == DATA) {
        take_data(relay, frame);
        return true;
    }
    if (frame->type != END)
        return false;
    relay->host_ended = true;
    write_waiting(relay);
    return true;
}

static void release(struct stream *stream) {
    struct relay *relay = cast(stream);
    source_close(&relay->source);
    byte_queue_clear(&relay->waiting);
    free(relay);
}

int relay_open(struct relay *relay, uint32_t id, enum relay_state state) {
    static const struct stream_class class = {.frame = handle, .pump = pump, .release = release};
    relay->source = SOURCE_CLOSED(ready);
    relay->state = state;
    return stream_open(&relay->stream, id, &class);
}
