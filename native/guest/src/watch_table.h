/* Which directory an inotify watch descriptor stands for: paths relative to the watched root, "" for the root itself. */
#ifndef GUEST_WATCH_TABLE_H
#define GUEST_WATCH_TABLE_H

#include <stddef.h>

struct watched {
    int descriptor;
    char *path;
};

struct watch_table {
    struct watched *items; /* ascending descriptors */
    size_t count;
    size_t capacity;
};

/* Adds or replaces. 0, -ENOMEM, or -ENOSPC over LIMIT_WATCHED_DIRECTORIES. */
int watch_table_put(struct watch_table *table, int descriptor, const char *path);
/* The path, or NULL. */
const char *watch_table_path(const struct watch_table *table, int descriptor);
void watch_table_remove(struct watch_table *table, int descriptor);
/* Takes everything at and below `path` out and calls `each` with the descriptors. */
void watch_table_remove_tree(struct watch_table *table, const char *path, void (*each)(int descriptor, void *context),
                             void *context);
void watch_table_free(struct watch_table *table);

#endif
