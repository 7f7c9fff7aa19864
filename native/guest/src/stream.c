/* Streams, credit and turns: see stream.h. */
#include "stream.h"

#include <errno.h>

#include "connection.h"
#include "limits.h"
#include "messages.h"

enum { BUCKETS = 256 };

static struct stream *buckets[BUCKETS];
static struct stream *ready_first;
static struct stream **ready_last = &ready_first;
static unsigned open_streams;

static struct stream **bucket_of(uint32_t id) {
    return &buckets[id % BUCKETS];
}

int stream_open(struct stream *stream, uint32_t id, const struct stream_class *class) {
    if (open_streams >= LIMIT_STREAMS)
        return -EMFILE;
    struct stream **bucket = bucket_of(id);
    *stream = (struct stream){
        .id = id,
        .class = class,
        .send_credit = connection_send_window(),
        .receive_credit = LIMIT_RECEIVE_WINDOW_BYTES,
        .next_in_bucket = *bucket,
        .open = true,
    };
    *bucket = stream;
    open_streams++;
    return 0;
}

struct stream *stream_find(uint32_t id) {
    struct stream *stream = *bucket_of(id);
    while (stream != NULL && stream->id != id)
        stream = stream->next_in_bucket;
    return stream;
}

unsigned stream_count(void) {
    return open_streams;
}

void stream_wake(struct stream *stream) {
    if (stream->ready || !stream->open)
        return;
    stream->ready = true;
    stream->next_ready = NULL;
    *ready_last = stream;
    ready_last = &stream->next_ready;
}

static void unready(struct stream *stream) {
    if (!stream->ready)
        return;
    struct stream **link = &ready_first;
    while (*link != stream)
        link = &(*link)->next_ready;
    *link = stream->next_ready;
    if (*link == NULL)
        ready_last = link;
    stream->ready = false;
}

void stream_end(struct stream *stream) {
    if (!stream->open)
        return;
    struct stream **link = bucket_of(stream->id);
    while (*link != stream)
        link = &(*link)->next_in_bucket;
    *link = stream->next_in_bucket;
    unready(stream);
    stream->open = false;
    open_streams--;
    connection_stream_ended();
    stream->class->release(stream);
}

void streams_end_all(void) {
    for (size_t i = 0; i < BUCKETS; i++)
        while (buckets[i] != NULL)
            stream_end(buckets[i]);
}

void stream_done(struct stream *stream) {
    answer_done(stream->id);
    stream_end(stream);
}

void stream_cancel(struct stream *stream) {
    connection_frame(CANCEL, stream->id);
    connection_frame_end();
    stream_end(stream);
}

void stream_fail(struct stream *stream, int error, const struct text *message) {
    answer_error(stream->id, error, message);
    stream_end(stream);
}

bool stream_receive(struct stream *stream, size_t count) {
    if (count > stream->receive_credit) {
        connection_violation("more bytes were sent on a stream than its window allows");
        return false;
    }
    stream->receive_credit -= (uint32_t)count;
    return true;
}

void stream_consume(struct stream *stream, size_t count) {
    stream->consumed += (uint32_t)count;
    if (stream->consumed < LIMIT_RECEIVE_WINDOW_BYTES / 4)
        return;
    struct wire_writer *frame = connection_frame(WINDOW, stream->id);
    wire_write_u32(frame, stream->consumed);
    connection_frame_end();
    stream->receive_credit += stream->consumed;
    stream->consumed = 0;
}

size_t stream_allowance(const struct stream *stream, size_t most) {
    return stream->send_credit < most ? (size_t)stream->send_credit : most;
}

void streams_pump(void) {
    for (int turns = 0; turns < PUMPS_PER_TURN; turns++) {
        struct stream *stream = ready_first;
        if (stream == NULL || connection_room() < PUMP_ROOM_BYTES)
            break;
        unready(stream);
        if (stream->class->pump(stream))
            stream_wake(stream);
    }
}

bool streams_waiting(void) {
    return ready_first != NULL;
}

void answer_done(uint32_t id) {
    connection_frame(DONE, id);
    connection_frame_end();
}

void answer_error(uint32_t id, int error, const struct text *message) {
    struct wire_writer *frame = connection_frame(ERROR, id);
    wire_write_i32(frame, error);
    wire_write_str(frame, message->bytes, message->length);
    connection_frame_end();
}

static void failure_text(struct text *text, int error, const char *action, const char *object) {
    text_start(text, "could not ");
    text_add(text, action);
    if (object != NULL) {
        text_add(text, " '");
        text_add(text, object);
        text_add(text, "'");
    }
    text_add_errno(text, error);
}

void answer_failure(uint32_t id, int error, const char *action, const char *object) {
    struct text text;
    failure_text(&text, error, action, object);
    answer_error(id, error, &text);
}

void stream_failure(struct stream *stream, int error, const char *action, const char *object) {
    struct text text;
    failure_text(&text, error, action, object);
    stream_fail(stream, error, &text);
}
