/* The host's connection: see connection.h. */
#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dispatch.h"
#include "limits.h"
#include "listen_streams.h"
#include "loop.h"
#include "messages.h"
#include "stream.h"
#include "text.h"

static void connection_ready(struct source *source, uint32_t events);

static struct {
    struct source source;
    struct wire_decoder decoder;
    struct wire_writer writer; /* the frame being built, in the output buffer */
    uint8_t *in;
    uint8_t *out;
    size_t out_start;
    size_t out_end;
    size_t in_touched;
    size_t out_touched;
    uint32_t send_window;
    const char *violation;
    void (*closed)(void);
    bool readable;
    bool end_of_input;
    bool input_waits; /* a whole frame may be in the decoder */
    bool broken;      /* writing failed */
} connection = {.source = SOURCE_CLOSED(connection_ready)};

static uint8_t *map_buffer(size_t size) {
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return address == MAP_FAILED ? NULL : address;
}

void connection_on_close(void (*closed)(void)) {
    connection.closed = closed;
}

int connection_adopt(int fd) {
    void (*closed)(void) = connection.closed;
    connection.closed = NULL;
    connection_close();
    connection.closed = closed;
    if (connection.in == NULL)
        connection.in = map_buffer(IN_BUFFER_BYTES);
    if (connection.out == NULL)
        connection.out = map_buffer(OUT_BUFFER_BYTES);
    int error = connection.in == NULL || connection.out == NULL ? -ENOMEM : source_open(&connection.source, fd, EPOLLIN);
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    wire_decoder_init(&connection.decoder, connection.in, IN_BUFFER_BYTES);
    wire_writer_init(&connection.writer, connection.out, OUT_BUFFER_BYTES);
    connection.out_start = 0;
    connection.out_end = 0;
    connection.violation = NULL;
    connection.readable = false;
    connection.end_of_input = false;
    connection.input_waits = false;
    connection.broken = false;
    dispatch_reset();
    return 0;
}

void connection_close(void) {
    if (connection.source.fd < 0)
        return;
    streams_end_all();
    source_close(&connection.source);
    connection_trim();
    if (connection.closed != NULL)
        connection.closed();
}

bool connection_is_open(void) {
    return connection.source.fd >= 0;
}

static void connection_ready(struct source *source, uint32_t events) {
    (void)source;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        connection.readable = true;
    /* EPOLLOUT needs no note: every service turn writes what it can. */
}

/* ---- output ---- */

size_t connection_room(void) {
    return OUT_BUFFER_BYTES - (connection.out_end - connection.out_start);
}

uint32_t connection_send_window(void) {
    return connection.send_window;
}

struct wire_writer *connection_frame(uint8_t type, uint32_t stream) {
    size_t held = connection.out_end - connection.out_start;
    if (connection.out_start > 0 && OUT_BUFFER_BYTES - connection.out_end < PUMP_ROOM_BYTES) {
        memmove(connection.out, connection.out + connection.out_start, held);
        connection.out_start = 0;
        connection.out_end = held;
    }
    wire_writer_init(&connection.writer, connection.out + connection.out_end, OUT_BUFFER_BYTES - connection.out_end);
    wire_frame_begin(&connection.writer, type, stream);
    return &connection.writer;
}

void connection_frame_end(void) {
    /* Senders keep to the rooms in limits.h, so this holds; if it did not, losing a frame would corrupt the host's
     * view of a stream: better to lose the connection. */
    if (wire_frame_end(&connection.writer) != 0) {
        connection.broken = true;
        return;
    }
    connection.out_end = (size_t)(connection.writer.at - connection.out);
    if (connection.out_end > connection.out_touched)
        connection.out_touched = connection.out_end;
}

bool connection_flushed(void) {
    return connection.source.fd < 0 || connection.out_start == connection.out_end;
}

static void flush(void) {
    while (connection.out_start < connection.out_end && !connection.broken) {
        ssize_t count = write(connection.source.fd, connection.out + connection.out_start,
                              connection.out_end - connection.out_start);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            connection.broken = errno != EAGAIN;
            return;
        }
        connection.out_start += (size_t)count;
    }
    if (connection.out_start == connection.out_end) {
        connection.out_start = 0;
        connection.out_end = 0;
    }
}

void connection_violation(const char *what) {
    if (connection.violation == NULL)
        connection.violation = what;
}

void connection_stream_ended(void) {
    listen_streams_retry();
}

/* ---- input ---- */

static void receive(void) {
    size_t room = 0;
    uint8_t *space = wire_decoder_space(&connection.decoder, &room);
    connection.readable = false;
    if (room == 0)
        return;
    ssize_t count = read(connection.source.fd, space, room);
    if (count > 0) {
        wire_decoder_filled(&connection.decoder, (size_t)count);
        connection.input_waits = true;
        if (connection.decoder.end > connection.in_touched)
            connection.in_touched = connection.decoder.end;
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        connection.end_of_input = true;
    }
}

static void handle_frames(void) {
    for (int i = 0; i < FRAMES_PER_TURN && connection.violation == NULL && connection.input_waits; i++) {
        if (connection_room() < HANDLER_ROOM_BYTES)
            return;
        struct wire_frame frame;
        int got = wire_decoder_next(&connection.decoder, &frame);
        if (got < 0)
            connection_violation("a frame header is malformed (length over 65,536 or reserved bits set)");
        if (got <= 0) {
            connection.input_waits = false;
            return;
        }
        uint32_t window = dispatch_frame(&frame);
        if (window != 0)
            connection.send_window = window;
    }
}

/* Says why, as far as the socket takes it, and closes. */
static void close_for_violation(void) {
    struct text text;
    text_start(&text, connection.violation);
    if (connection_room() >= HANDLER_ROOM_BYTES && !dispatch_refused())
        answer_error(0, EPROTO, &text);
    flush();
    connection_close();
}

bool connection_service(void) {
    if (connection.source.fd < 0)
        return false;
    if (connection.readable && !connection.input_waits && !connection.end_of_input)
        receive();
    handle_frames();
    if (connection.violation == NULL)
        streams_pump();
    flush();
    if (connection.violation != NULL) {
        close_for_violation();
        return false;
    }
    if (connection.broken || (connection.end_of_input && !connection.input_waits)) {
        connection_close();
        return false;
    }
    uint32_t events = connection.input_waits || connection.end_of_input ? 0 : (uint32_t)EPOLLIN;
    if (connection.out_start < connection.out_end)
        events |= (uint32_t)EPOLLOUT;
    /* Nothing wanted happens only while handling goes on in the next turn, which then sets the interest again. */
    source_want(&connection.source, events);
    /* Asked after writing: what had no room a moment ago may have it now. */
    return (streams_waiting() && connection_room() >= PUMP_ROOM_BYTES) ||
           (connection.input_waits && connection_room() >= HANDLER_ROOM_BYTES);
}

/* Buffer pages that were used once are given back unless they hold something. */
static void trim_buffer(uint8_t *buffer, size_t *touched, bool empty) {
    if (buffer != NULL && empty && *touched > 4096) {
        (void)madvise(buffer, *touched, MADV_DONTNEED); /* advice: keeping the memory is the only harm of a failure */
        *touched = 0;
    }
}

void connection_trim(void) {
    bool open = connection.source.fd >= 0;
    trim_buffer(connection.in, &connection.in_touched, !open || wire_decoder_empty(&connection.decoder));
    trim_buffer(connection.out, &connection.out_touched, connection_flushed());
}
