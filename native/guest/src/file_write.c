/*
 * FILE_WRITE: DATA goes to the file as it comes. An atomic write goes to a hidden file in the same directory that takes
 * the name on END; until then nobody sees it, and if the host goes away it is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "connection.h"
#include "files.h"
#include "libc.h"
#include "limits.h"
#include "loop.h"
#include "messages.h"
#include "stream.h"

enum { NAME_BYTES = 256, HIDDEN_NAME_BYTES = 32, MODE_BITS = 07777 };

struct writing {
    struct stream stream;
    struct user user;
    int fd;
    int directory; /* of an atomic write, else -1 */
    uint8_t flags;
    char hidden[HIDDEN_NAME_BYTES];
    char name[NAME_BYTES];
};

static struct writing *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct writing, stream);
}

static void forget(struct writing *writing) {
    if (writing->directory >= 0 && writing->hidden[0] != '\0') {
        /* Through the directory, so that it is found even if that was renamed meanwhile. */
        if (identity_enter(&writing->user) == 0) {
            (void)unlinkat(writing->directory, writing->hidden, 0);
            identity_leave();
        }
    }
    if (writing->directory >= 0)
        (void)close(writing->directory);
    if (writing->fd >= 0)
        (void)close(writing->fd);
    free(writing);
}

static void release(struct stream *stream) {
    forget(cast(stream));
}

static int write_all(struct writing *writing, const uint8_t *bytes, size_t count) {
    int error = identity_enter(&writing->user);
    while (error == 0 && count > 0) {
        ssize_t written = write(writing->fd, bytes, count);
        if (written < 0)
            error = errno == EINTR ? 0 : -errno;
        else {
            bytes += written;
            count -= (size_t)written;
        }
    }
    identity_leave();
    return error;
}

static int commit(struct writing *writing) {
    if (writing->directory < 0)
        return 0;
    unsigned flags = (writing->flags & WRITE_EXCLUSIVE) != 0 ? RENAME_NOREPLACE : 0;
    int error = identity_enter(&writing->user);
    if (error != 0)
        return error;
    if (renameat2(writing->directory, writing->hidden, writing->directory, writing->name, flags) != 0)
        error = -errno;
    else
        writing->hidden[0] = '\0';
    identity_leave();
    return error;
}

static bool handle(struct stream *stream, const struct wire_frame *frame) {
    struct writing *writing = cast(stream);
    int error = 0;
    if (frame->type == DATA) {
        if (!stream_receive(stream, frame->length))
            return true;
        error = write_all(writing, frame->payload, frame->length);
        if (error == 0) {
            stream_consume(stream, frame->length);
            return true;
        }
    } else if (frame->type == END) {
        error = commit(writing);
        if (error == 0) {
            stream_done(stream);
            return true;
        }
    } else {
        return false;
    }
    stream_failure(stream, -error, "write the file", writing->name[0] == '\0' ? NULL : writing->name);
    return true;
}

static bool pump(struct stream *stream) {
    (void)stream;
    return false; /* nothing is sent but the answers */
}

/* ---- opening ---- */

static int check_regular(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    return S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

static int open_plain(struct writing *writing, const char *path, mode_t mode) {
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    flags |= (writing->flags & WRITE_APPEND) != 0 ? O_APPEND : 0;
    flags |= (writing->flags & WRITE_EXCLUSIVE) != 0 ? O_EXCL : 0;
    writing->fd = open(path, flags, mode);
    if (writing->fd < 0)
        return -errno;
    int error = check_regular(writing->fd);
    /* Emptied after the look, so that only a regular file ever is. */
    if (error == 0 && (writing->flags & WRITE_APPEND) == 0 && ftruncate(writing->fd, 0) != 0)
        error = -errno;
    return error;
}

static void hidden_name(char name[HIDDEN_NAME_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t random[8] = {0};
    char *at = stpcpy(name, ".tinyvm-");
    while (getrandom(random, sizeof random, 0) < 0 && errno == EINTR)
        continue;
    for (size_t i = 0; i < sizeof random; i++) {
        *at++ = digits[random[i] >> 4];
        *at++ = digits[random[i] & 15];
    }
    *at = '\0';
}

/* Splits a path into its directory, opened, and its last name, which must be a plain one. */
static int open_directory(struct writing *writing, const char *path) {
    char directory[FILE_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t length = (size_t)(slash - path) + 1;
    if (slash[1] == '\0' || strcmp(slash + 1, ".") == 0 || strcmp(slash + 1, "..") == 0)
        return -EISDIR;
    if (strlen(slash + 1) >= NAME_BYTES)
        return -ENAMETOOLONG;
    memcpy(directory, path, length);
    directory[length] = '\0';
    strcpy(writing->name, slash + 1);
    writing->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (writing->directory < 0 && errno == EACCES) /* enterable but not readable is enough */
        writing->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return writing->directory < 0 ? -errno : 0;
}

static int open_atomic(struct writing *writing, const char *path, mode_t mode) {
    struct stat status;
    if ((writing->flags & WRITE_APPEND) != 0)
        return -EINVAL;
    int error = open_directory(writing, path);
    if (error != 0)
        return error;
    if (fstatat(writing->directory, writing->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if ((writing->flags & WRITE_EXCLUSIVE) != 0)
            return -EEXIST;
        if (S_ISDIR(status.st_mode))
            return -EISDIR;
        if (S_ISREG(status.st_mode))
            mode = status.st_mode & MODE_BITS; /* as a plain write would leave it */
    }
    char name[HIDDEN_NAME_BYTES];
    hidden_name(name);
    writing->fd = openat(writing->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (writing->fd < 0)
        return -errno;
    strcpy(writing->hidden, name);
    return 0;
}

static int begin(uint32_t id, struct writing *writing, const char *path, mode_t mode) {
    static const struct stream_class class = {.frame = handle, .pump = pump, .release = release};
    int error = identity_enter(&writing->user);
    if (error != 0)
        return error;
    if ((writing->flags & WRITE_PARENTS) != 0)
        error = file_make_parents(path);
    if (error == 0 && (writing->flags & WRITE_ATOMIC) != 0)
        error = open_atomic(writing, path, mode);
    else if (error == 0)
        error = open_plain(writing, path, mode);
    identity_leave();
    return error != 0 ? error : stream_open(&writing->stream, id, &class);
}

void file_write(uint32_t id, struct wire_reader *payload) {
    char path[FILE_PATH_BYTES];
    struct writing *writing = calloc(1, sizeof *writing);
    if (writing == NULL) {
        answer_failure(id, ENOMEM, "write the file", NULL);
        return;
    }
    writing->fd = -1;
    writing->directory = -1;
    if (!file_request(id, payload, &writing->user, path)) {
        free(writing);
        return;
    }
    mode_t mode = wire_read_u32(payload) & MODE_BITS;
    writing->flags = wire_read_u8(payload);
    if ((writing->flags & ~WRITE_FLAGS) != 0) {
        connection_violation("FILE_WRITE has an unknown flag");
        free(writing);
        return;
    }
    int error = begin(id, writing, path, mode);
    if (error != 0) {
        forget(writing);
        answer_failure(id, -error, "write", path);
    }
}
