/* From a received frame to its handler: see dispatch.h. */
#include "dispatch.h"

#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

#include "connection.h"
#include "files.h"
#include "forward.h"
#include "limits.h"
#include "messages.h"
#include "naming.h"
#include "process_requests.h"
#include "shutdown.h"
#include "statistics.h"
#include "stream.h"
#include "suspend.h"
#include "version.h"
#include "watch.h"

/* Handlers of opening frames: the payload has the right shape, the id is free. Each answers or opens the stream. */
static const struct {
    uint8_t type;
    void (*open)(uint32_t id, struct wire_reader *payload);
} openers[] = {
    {EXEC, process_exec},
    {LIST, process_list},
    {ATTACH, process_attach},
    {FORGET, process_forget},
    {FILE_STAT, file_stat},
    {FILE_LIST, file_list},
    {FILE_MKDIR, file_mkdir},
    {FILE_RENAME, file_rename},
    {FILE_REMOVE, file_remove},
    {FILE_READ, file_read},
    {FILE_WRITE, file_write},
    {FILE_WATCH, file_watch},
    {FILE_CHMOD, file_chmod},
    {FILE_CHOWN, file_chown},
    {FILE_SYMLINK, file_symlink},
    {FILE_XATTRS, file_xattrs},
    {FILE_SET_XATTR, file_set_xattr},
    {FILE_REMOVE_XATTR, file_remove_xattr},
    {DIAL, forward_dial},
    {LISTEN, forward_listen},
    {DATAGRAMS, forward_datagrams},
    {STATS, statistics_answer},
    {IDENTIFY, naming_identify},
    {SUSPEND, suspend_request},
    {SHUTDOWN, shutdown_request},
};

static bool welcomed;
static bool refused;
static uint64_t boot_id;

void dispatch_reset(void) {
    welcomed = false;
    refused = false;
}

bool dispatch_refused(void) {
    return refused;
}

static uint32_t hello(const struct wire_frame *frame) {
    struct wire_reader reader;
    wire_reader_init(&reader, frame->payload, frame->length);
    uint16_t lowest = wire_read_u16(&reader);
    uint16_t highest = wire_read_u16(&reader);
    uint32_t window = wire_read_u32(&reader);
    if (lowest > PROTOCOL_VERSION || highest < PROTOCOL_VERSION) {
        struct text text;
        text_start(&text, "this guest speaks protocol version ");
        text_add_number(&text, PROTOCOL_VERSION);
        text_add(&text, " only");
        answer_error(0, EPROTONOSUPPORT, &text);
        refused = true;
        connection_violation("no common protocol version");
        return 0;
    }
    if (window == 0) {
        connection_violation("HELLO grants a window of 0 bytes");
        return 0;
    }
    if (boot_id == 0)
        while (getrandom(&boot_id, sizeof boot_id, 0) < 0 && errno == EINTR)
            continue;
    struct wire_writer *welcome = connection_frame(WELCOME, 0);
    wire_write_u16(welcome, PROTOCOL_VERSION);
    wire_write_cstr(welcome, GUEST_VERSION);
    wire_write_u64(welcome, boot_id);
    wire_write_u32(welcome, LIMIT_RECEIVE_WINDOW_BYTES);
    connection_frame_end();
    welcomed = true;
    return window;
}

static void on_connection(const struct wire_frame *frame) {
    if (frame->type != PING) {
        if (frame->type != PONG)
            connection_violation("HELLO was sent twice");
        return;
    }
    struct wire_writer *pong = connection_frame(PONG, 0);
    wire_write_bytes(pong, frame->payload, frame->length);
    connection_frame_end();
}

static void open_stream(const struct wire_frame *frame) {
    struct wire_reader reader;
    if (stream_find(frame->stream) != NULL) {
        connection_violation("a stream was opened under a number that is in use");
        return;
    }
    if (stream_count() >= LIMIT_STREAMS) {
        struct text text;
        text_start(&text, "1,024 streams are open already: end one first");
        answer_error(frame->stream, EMFILE, &text);
        return;
    }
    wire_reader_init(&reader, frame->payload, frame->length);
    for (size_t i = 0; i < sizeof openers / sizeof openers[0]; i++)
        if (openers[i].type == frame->type)
            openers[i].open(frame->stream, &reader);
}

static void on_stream(const struct wire_frame *frame) {
    struct stream *stream = stream_find(frame->stream);
    if (stream == NULL)
        return; /* ended: the frame was on its way */
    if (frame->type == WINDOW) {
        struct wire_reader reader;
        wire_reader_init(&reader, frame->payload, frame->length);
        uint32_t credit = wire_read_u32(&reader);
        if (credit == 0)
            connection_violation("WINDOW adds no credit");
        stream->send_credit += credit;
        stream_wake(stream);
        return;
    }
    if (frame->type == CANCEL) {
        if (stream->class->cancel != NULL)
            stream->class->cancel(stream);
        else
            stream_end(stream);
        return;
    }
    if (stream->class->frame == NULL || !stream->class->frame(stream, frame))
        connection_violation("a frame was sent on a stream of another kind");
}

uint32_t dispatch_frame(const struct wire_frame *frame) {
    if (message_check(frame, FROM_HOST) != 0) {
        connection_violation("a frame is malformed (unknown type, flags, stream number or payload)");
        return 0;
    }
    if (!welcomed) {
        if (frame->type == HELLO)
            return hello(frame);
        connection_violation("the first frame is not HELLO");
        return 0;
    }
    switch ((enum message_scope)message_find(frame->type)->scope) {
    case ON_CONNECTION: on_connection(frame); break;
    case OPENS: open_stream(frame); break;
    case ON_STREAM:
    case ON_ANY: on_stream(frame); break;
    }
    return 0;
}
