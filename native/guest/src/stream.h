/*
 * Streams: what the host opened (or an INBOUND connection), with credit in both directions and a turn-taking queue.
 *
 * A stream is embedded in the operation that serves it. It lives from stream_open to stream_end (or one of the answers
 * that end it), which calls `release`; the operation frees itself there, so nothing may touch it afterwards. Operations
 * never send whenever they like: stream_wake asks for a turn, and `pump` is called when the connection has room.
 */
#ifndef GUEST_STREAM_H
#define GUEST_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../wire/wire.h"
#include "text.h"

struct stream;

struct stream_class {
    /* A frame for this stream other than WINDOW and CANCEL. NULL or false: not one this stream knows, a violation. */
    bool (*frame)(struct stream *stream, const struct wire_frame *frame);
    /* A turn: sends at most PUMP_ROOM_BYTES. True: there is more to do at once. Not called again before stream_wake if
     * false. The stream may be ended here (return false then). */
    bool (*pump)(struct stream *stream);
    /* CANCEL came. NULL: just end the stream. Must end the stream. */
    void (*cancel)(struct stream *stream);
    /* The stream is over, for whatever reason: free everything. Must not send. */
    void (*release)(struct stream *stream);
};

struct stream {
    uint32_t id;
    const struct stream_class *class;
    uint64_t send_credit;    /* bytes the host allows us */
    uint32_t receive_credit; /* bytes we allow the host */
    uint32_t consumed;       /* received and used, not yet granted again */
    struct stream *next_in_bucket;
    struct stream *next_ready;
    bool open;
    bool ready;
};

/* Registers a stream under a new id. -EMFILE when LIMIT_STREAMS are open. */
int stream_open(struct stream *stream, uint32_t id, const struct stream_class *class);
struct stream *stream_find(uint32_t id);
/* Number of open streams. */
unsigned stream_count(void);
/* Asks for a turn. */
void stream_wake(struct stream *stream);
/* Ends the stream without a word. */
void stream_end(struct stream *stream);
/* DONE, CANCEL or ERROR, then the end. The message of stream_fail is `what` plus the words for the errno. */
void stream_done(struct stream *stream);
void stream_cancel(struct stream *stream);
void stream_fail(struct stream *stream, int error, const struct text *message);
/* Ends all streams without a word: the connection is gone. */
void streams_end_all(void);

/* Takes `count` payload bytes off the host's credit. False: the host exceeded it. */
bool stream_receive(struct stream *stream, size_t count);
/* `count` received bytes are used up: grants them again, in large pieces. */
void stream_consume(struct stream *stream, size_t count);
/* How many counted bytes may be sent now in one frame, at most `most`. */
size_t stream_allowance(const struct stream *stream, size_t most);

/* Gives up to PUMPS_PER_TURN turns, while there is room. */
void streams_pump(void);
/* Whether a stream waits for its turn. */
bool streams_waiting(void);

/* Answers for operations that need no stream object: they end the id at once. `error` is a positive errno. */
void answer_done(uint32_t id);
void answer_error(uint32_t id, int error, const struct text *message);
/* ERROR saying: could not <action> '<object>': <errno words>. */
void answer_failure(uint32_t id, int error, const char *action, const char *object);
void stream_failure(struct stream *stream, int error, const char *action, const char *object);

#endif
