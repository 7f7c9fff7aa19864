/* FILE_READ: STAT, then the file in pieces as the window allows, at constant memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "connection.h"
#include "files.h"
#include "limits.h"
#include "loop.h"
#include "messages.h"
#include "stream.h"

struct reading {
    struct stream stream;
    struct user user;
    int fd;
    uint64_t offset;
    uint64_t left;
};

static struct reading *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct reading, stream);
}

/* Reads straight into a frame. Returns the byte count, 0 at the end, or a negative errno; without bytes the frame is not
 * sent. */
static ssize_t send_piece(struct reading *reading, size_t most) {
    int error = identity_enter(&reading->user);
    if (error != 0)
        return error;
    struct wire_writer *frame = connection_frame(DATA, reading->stream.id);
    uint8_t *space = wire_write_space(frame, most);
    ssize_t count = space == NULL ? 0 : pread(reading->fd, space, most, (off_t)reading->offset);
    error = space == NULL ? -ENOBUFS : -errno;
    identity_leave();
    if (count < 0 || space == NULL)
        return error;
    if (count > 0) {
        wire_write_advance(frame, (size_t)count);
        connection_frame_end();
    }
    return count;
}

static bool pump(struct stream *stream) {
    struct reading *reading = cast(stream);
    size_t most = stream_allowance(stream, reading->left < DATA_FRAME_BYTES ? (size_t)reading->left : DATA_FRAME_BYTES);
    if (reading->left == 0) {
        stream_done(stream);
        return false;
    }
    if (most == 0)
        return false;
    ssize_t count = send_piece(reading, most);
    if (count == 0) {
        stream_done(stream);
        return false;
    }
    if (count < 0) {
        stream_failure(stream, (int)-count, "read the file", NULL);
        return false;
    }
    stream->send_credit -= (uint64_t)count;
    reading->offset += (uint64_t)count;
    reading->left -= (uint64_t)count;
    return true;
}

static void release(struct stream *stream) {
    struct reading *reading = cast(stream);
    (void)close(reading->fd);
    free(reading);
}

/* Opens for reading. Only regular files: anything else could block PID 1. */
static int open_regular(const char *path, struct stat *status, int *fd) {
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened < 0)
        return -errno;
    int error = fstat(opened, status) != 0 ? -errno : 0;
    if (error == 0 && !S_ISREG(status->st_mode))
        error = S_ISDIR(status->st_mode) ? -EISDIR : -EINVAL;
    if (error != 0)
        (void)close(opened);
    else
        *fd = opened;
    return error;
}

static int begin(uint32_t id, struct reading *reading, const char *path) {
    static const struct stream_class class = {.pump = pump, .release = release};
    struct stat status;
    struct accounts accounts = {0};
    int error = identity_enter(&reading->user);
    if (error != 0)
        return error;
    error = open_regular(path, &status, &reading->fd);
    identity_leave();
    if (error != 0)
        return error;
    error = stream_open(&reading->stream, id, &class);
    if (error != 0) {
        (void)close(reading->fd);
        return error;
    }
    struct wire_writer *frame = connection_frame(STAT, id);
    file_write_entry(frame, &accounts, AT_FDCWD, path, path, &status);
    connection_frame_end();
    accounts_free(&accounts);
    stream_wake(&reading->stream);
    return 0;
}

void file_read(uint32_t id, struct wire_reader *payload) {
    char path[FILE_PATH_BYTES];
    struct reading *reading = calloc(1, sizeof *reading);
    if (reading == NULL) {
        answer_failure(id, ENOMEM, "read the file", NULL);
        return;
    }
    if (!file_request(id, payload, &reading->user, path)) {
        free(reading);
        return;
    }
    reading->offset = wire_read_u64(payload);
    reading->left = wire_read_u64(payload);
    int error = reading->offset > INT64_MAX ? -EINVAL : begin(id, reading, path);
    if (error != 0) {
        free(reading);
        answer_failure(id, -error, "read", path);
    }
}
