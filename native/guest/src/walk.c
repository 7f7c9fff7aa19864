/* Going through a directory tree in small steps: see walk.h. */
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"

static int push(struct walk *walk, int directory, const char *name, size_t prefix) {
    if (walk->depth == LIMIT_WALK_DEPTH)
        return -ELOOP;
    if (walk->depth == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 8 : walk->capacity * 2;
        struct walk_level *levels = realloc(walk->levels, capacity * sizeof *levels);
        if (levels == NULL)
            return -ENOMEM;
        walk->levels = levels;
        walk->capacity = capacity;
    }
    int nofollow = walk->depth == 0 ? 0 : O_NOFOLLOW; /* the root is named by the host, which may mean a link */
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | nofollow);
    if (fd < 0)
        return -errno;
    walk->levels[walk->depth++] = (struct walk_level){.fd = fd, .prefix = prefix};
    walk->at = 0;
    walk->end = 0;
    return 0;
}

int walk_open(struct walk *walk, const char *root) {
    *walk = (struct walk){0};
    walk->buffer = malloc(WALK_BUFFER_BYTES);
    int error = walk->buffer == NULL ? -ENOMEM : push(walk, AT_FDCWD, root, 0);
    if (error != 0)
        walk_close(walk);
    return error;
}

static void pop(struct walk *walk) {
    (void)close(walk->levels[--walk->depth].fd);
    walk->at = 0;
    walk->end = 0;
    /* The buffer was the deeper level's: go back to where this one was. */
    if (walk->depth > 0)
        (void)lseek(walk->levels[walk->depth - 1].fd, walk->levels[walk->depth - 1].resume, SEEK_SET);
}

/* Puts the name behind the level's prefix. False: too long to be told. */
static bool compose(struct walk *walk, const char *name) {
    size_t prefix = walk->levels[walk->depth - 1].prefix;
    size_t length = strlen(name);
    if (prefix + length >= WALK_PATH_BYTES)
        return false;
    memcpy(walk->path + prefix, name, length + 1);
    walk->name = prefix;
    return true;
}

int walk_next(struct walk *walk) {
    while (walk->depth > 0) {
        struct walk_level *level = &walk->levels[walk->depth - 1];
        if (walk->at == walk->end) {
            ssize_t count = getdents64(level->fd, (void *)walk->buffer, WALK_BUFFER_BYTES);
            if (count < 0 && walk->depth == 1)
                return -errno;
            if (count <= 0) {
                pop(walk);
                continue;
            }
            walk->at = 0;
            walk->end = (size_t)count;
        }
        struct dirent64 entry;
        const uint8_t *raw = walk->buffer + walk->at;
        memcpy(&entry, raw, offsetof(struct dirent64, d_name));
        const char *name = (const char *)raw + offsetof(struct dirent64, d_name);
        walk->at += entry.d_reclen;
        walk->position = entry.d_off;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !compose(walk, name))
            continue;
        return 1;
    }
    return 0;
}

int walk_enter(struct walk *walk) {
    size_t length = strlen(walk->path);
    if (length + 2 >= WALK_PATH_BYTES)
        return -ENAMETOOLONG;
    struct walk_level *level = &walk->levels[walk->depth - 1];
    level->resume = walk->position;
    size_t at = walk->at;
    size_t end = walk->end;
    int error = push(walk, level->fd, walk->path + walk->name, length + 1);
    if (error != 0) {
        walk->at = at;
        walk->end = end;
        return error;
    }
    walk->path[length] = '/';
    walk->path[length + 1] = '\0';
    return 0;
}

int walk_directory(const struct walk *walk) {
    return walk->levels[walk->depth - 1].fd;
}

const char *walk_name(const struct walk *walk) {
    return walk->path + walk->name;
}

void walk_close(struct walk *walk) {
    while (walk->depth > 0)
        (void)close(walk->levels[--walk->depth].fd);
    free(walk->levels);
    free(walk->buffer);
    *walk = (struct walk){0};
}
