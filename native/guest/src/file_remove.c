/*
 * FILE_REMOVE: one file or empty directory at once; a tree in turns. Going down is by descriptor and never through a
 * symlink, so a tree that is being rearranged cannot lead the removal elsewhere. Mounted volumes below are emptied, as
 * rm(1) would.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "limits.h"
#include "loop.h"
#include "stream.h"

enum { NAME_BYTES = 256, REMOVE_BUFFER_BYTES = 8192 };

struct remove_level {
    int fd;
    char name[NAME_BYTES]; /* in the level above */
};

struct removal {
    struct stream stream;
    struct user user;
    struct remove_level *levels; /* 0 is the directory that holds the root of the removal */
    size_t depth;
    size_t capacity;
};

static struct removal *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct removal, stream);
}

static int push(struct removal *removal, int fd, const char *name) {
    if (removal->depth > LIMIT_REMOVE_DEPTH)
        return -ELOOP;
    if (strlen(name) >= NAME_BYTES)
        return -ENAMETOOLONG;
    if (removal->depth == removal->capacity) {
        size_t capacity = removal->capacity == 0 ? 4 : removal->capacity * 2;
        struct remove_level *levels = realloc(removal->levels, capacity * sizeof *levels);
        if (levels == NULL)
            return -ENOMEM;
        removal->levels = levels;
        removal->capacity = capacity;
    }
    removal->levels[removal->depth].fd = fd;
    strcpy(removal->levels[removal->depth].name, name);
    removal->depth++;
    return 0;
}

/* Removes a name; a directory is gone into instead. 0 removed, 1 gone into, or a negative errno. */
static int remove_name(struct removal *removal, int directory, const char *name) {
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return 0;
    int error = -errno;
    if (error != -EISDIR && error != -EPERM) /* EPERM is POSIX's word for a directory */
        return error;
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR ? error : -errno;
    int pushed = push(removal, fd, name);
    if (pushed != 0) {
        (void)close(fd);
        return pushed;
    }
    return 1;
}

/* One directory's worth of work. 0: go on; 1: the removal is complete; or a negative errno. */
static int step(struct removal *removal, int *budget) {
    static uint8_t buffer[REMOVE_BUFFER_BYTES];
    int fd = removal->levels[removal->depth - 1].fd;
    bool any = false;
    /* From the start each time: what was seen is removed, and positions in a changing directory mean little. */
    if (lseek(fd, 0, SEEK_SET) != 0)
        return -errno;
    ssize_t count = getdents64(fd, (void *)buffer, sizeof buffer);
    if (count < 0)
        return -errno;
    for (ssize_t at = 0; at < count && *budget > 0;) {
        struct dirent64 entry;
        memcpy(&entry, buffer + at, offsetof(struct dirent64, d_name));
        const char *name = (const char *)buffer + at + offsetof(struct dirent64, d_name);
        at += entry.d_reclen;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        any = true;
        (*budget)--;
        int removed = remove_name(removal, fd, name);
        if (removed != 0)
            return removed < 0 ? removed : 0;
    }
    if (any || *budget == 0)
        return 0;
    struct remove_level *done = &removal->levels[removal->depth - 1];
    (*budget)--;
    if (unlinkat(removal->levels[removal->depth - 2].fd, done->name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return errno == ENOTEMPTY ? 0 : -errno; /* somebody added to it: look again */
    (void)close(done->fd);
    removal->depth--;
    return removal->depth == 1 ? 1 : 0;
}

static bool pump(struct stream *stream) {
    struct removal *removal = cast(stream);
    int budget = FILES_PER_TURN;
    int state = identity_enter(&removal->user);
    while (state == 0 && budget > 0)
        state = step(removal, &budget);
    identity_leave();
    if (state == 1)
        stream_done(stream);
    else if (state < 0)
        stream_failure(stream, -state, "remove what is in", removal->levels[removal->depth - 1].name);
    return state == 0;
}

static void forget(struct removal *removal) {
    while (removal->depth > 0)
        (void)close(removal->levels[--removal->depth].fd);
    free(removal->levels);
    free(removal);
}

static void release(struct stream *stream) {
    forget(cast(stream));
}

/* ---- opening ---- */

static int remove_one(const char *path) {
    if (unlink(path) == 0)
        return 0;
    int error = -errno;
    if (error != -EISDIR && error != -EPERM)
        return error;
    if (rmdir(path) == 0)
        return 0;
    return errno == ENOTDIR ? error : -errno;
}

/* Opens the directory above the tree and tries the tree itself. 0 gone already, 1 there is a tree, or negative errno. */
static int open_tree(struct removal *removal, char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
    struct stat root;
    struct stat target;
    if (lstat(path, &target) != 0)
        return -errno;
    if (stat("/", &root) == 0 && root.st_dev == target.st_dev && root.st_ino == target.st_ino)
        return -EBUSY;
    char *slash = strrchr(path, '/');
    const char *name = slash + 1;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    char above[FILE_PATH_BYTES];
    size_t above_length = (size_t)(slash - path) + 1;
    memcpy(above, path, above_length);
    above[above_length] = '\0';
    int fd = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = push(removal, fd, "");
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    return remove_name(removal, fd, name);
}

static int begin_tree(uint32_t id, struct user *user, char *path) {
    static const struct stream_class class = {.pump = pump, .release = release};
    struct removal *removal = calloc(1, sizeof *removal);
    if (removal == NULL)
        return -ENOMEM;
    removal->user = *user;
    int state = open_tree(removal, path);
    if (state == 1) {
        state = stream_open(&removal->stream, id, &class);
        if (state == 0) {
            stream_wake(&removal->stream);
            return 1;
        }
    }
    forget(removal);
    return state;
}

void file_remove(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char path[FILE_PATH_BYTES];
    if (!file_request(id, payload, &user, path))
        return;
    bool recursive = wire_read_u8(payload) == 1;
    int error = identity_enter(&user);
    if (error == 0) {
        error = recursive ? begin_tree(id, &user, path) : remove_one(path);
        identity_leave();
    }
    if (error != 1)
        file_answer(id, error, "remove", path);
}
