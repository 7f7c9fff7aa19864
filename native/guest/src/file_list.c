/* FILE_LIST: entries in turns, as the window allows. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "files.h"
#include "limits.h"
#include "loop.h"
#include "messages.h"
#include "stream.h"
#include "walk.h"

enum { LIST_COUNT_BYTES = 4 };

struct listing {
    struct stream stream;
    struct user user;
    struct walk walk;
    uint32_t depth;
    size_t pending; /* bytes of the entry in `entry` that did not fit the last frame */
    uint8_t entry[WIRE_HEADER_BYTES + ENTRY_BYTES];
};

static struct listing *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct listing, stream);
}

/* Encodes the walk's current entry into listing->entry; nothing when it has vanished. Goes into directories. */
static void encode(struct listing *listing, struct accounts *accounts) {
    struct walk *walk = &listing->walk;
    struct stat status;
    if (fstatat(walk_directory(walk), walk_name(walk), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    struct wire_writer writer;
    wire_writer_init(&writer, listing->entry, sizeof listing->entry);
    wire_frame_begin(&writer, 0, 0); /* only its payload is used */
    file_write_entry(&writer, accounts, walk_directory(walk), walk_name(walk), walk->path, &status);
    if (wire_frame_end(&writer) == 0)
        listing->pending = (size_t)(writer.at - writer.start) - WIRE_HEADER_BYTES;
    if (S_ISDIR(status.st_mode) && walk->depth < listing->depth)
        (void)walk_enter(walk); /* a directory that cannot be entered is told, without what is in it */
}

/* Fills one ENTRIES frame. Returns 1 when there may be more, 0 at the end, 2 without credit, or a negative errno. */
static int fill(struct listing *listing, struct wire_writer *frame, struct accounts *accounts, uint32_t *count) {
    size_t most = stream_allowance(&listing->stream, DATA_FRAME_BYTES);
    size_t used = LIST_COUNT_BYTES;
    for (int i = 0; i < FILES_PER_TURN; i++) {
        if (listing->pending == 0) {
            int got = walk_next(&listing->walk);
            if (got <= 0)
                return got;
            encode(listing, accounts);
            if (listing->pending == 0)
                continue;
        }
        if (used + listing->pending > most)
            return used > LIST_COUNT_BYTES ? 1 : 2;
        wire_write_bytes(frame, listing->entry + WIRE_HEADER_BYTES, listing->pending);
        used += listing->pending;
        listing->pending = 0;
        (*count)++;
    }
    return 1;
}

static bool pump(struct stream *stream) {
    struct listing *listing = cast(stream);
    struct accounts accounts = {0};
    uint32_t count = 0;
    int error = identity_enter(&listing->user);
    if (error != 0) {
        stream_failure(stream, -error, "list as this user", NULL);
        return false;
    }
    struct wire_writer *frame = connection_frame(ENTRIES, stream->id);
    uint8_t *counter = frame->at;
    wire_write_u32(frame, 0);
    int state = fill(listing, frame, &accounts, &count);
    identity_leave();
    accounts_free(&accounts);
    if (count > 0) {
        struct wire_writer patch;
        wire_writer_init(&patch, counter, LIST_COUNT_BYTES);
        wire_write_u32(&patch, count);
        stream->send_credit -= (uint64_t)(frame->at - counter);
        connection_frame_end();
    }
    if (state == 0)
        stream_done(stream);
    else if (state < 0)
        stream_failure(stream, -state, "list the directory", NULL);
    return state == 1;
}

static void release(struct stream *stream) {
    struct listing *listing = cast(stream);
    walk_close(&listing->walk);
    free(listing);
}

static int begin(uint32_t id, struct listing *listing, const char *path) {
    static const struct stream_class class = {.pump = pump, .release = release};
    int error = identity_enter(&listing->user);
    if (error != 0)
        return error;
    error = walk_open(&listing->walk, path);
    identity_leave();
    if (error != 0)
        return error;
    error = stream_open(&listing->stream, id, &class);
    if (error != 0)
        walk_close(&listing->walk);
    else
        stream_wake(&listing->stream);
    return error;
}

void file_list(uint32_t id, struct wire_reader *payload) {
    char path[FILE_PATH_BYTES];
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL) {
        answer_failure(id, ENOMEM, "list the directory", NULL);
        return;
    }
    if (!file_request(id, payload, &listing->user, path)) {
        free(listing);
        return;
    }
    listing->depth = wire_read_u32(payload);
    int error = listing->depth == 0 ? -EINVAL : begin(id, listing, path);
    if (error != 0) {
        free(listing);
        answer_failure(id, -error, "list", path);
    }
}
