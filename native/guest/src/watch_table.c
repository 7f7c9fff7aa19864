/* Which directory an inotify watch descriptor stands for: see watch_table.h. */
#include "watch_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

/* The index of the descriptor, or where it would be inserted. */
static size_t position(const struct watch_table *table, int descriptor) {
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->items[middle].descriptor < descriptor)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool at(const struct watch_table *table, size_t index, int descriptor) {
    return index < table->count && table->items[index].descriptor == descriptor;
}

int watch_table_put(struct watch_table *table, int descriptor, const char *path) {
    size_t index = position(table, descriptor);
    bool known = at(table, index, descriptor);
    if (!known && table->count == LIMIT_WATCHED_DIRECTORIES)
        return -ENOSPC;
    char *copy = strdup(path);
    if (copy == NULL)
        return -ENOMEM;
    if (known) {
        free(table->items[index].path);
        table->items[index].path = copy;
        return 0;
    }
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 8 : table->capacity * 2;
        struct watched *items = realloc(table->items, capacity * sizeof *items);
        if (items == NULL) {
            free(copy);
            return -ENOMEM;
        }
        table->items = items;
        table->capacity = capacity;
    }
    memmove(table->items + index + 1, table->items + index, (table->count - index) * sizeof *table->items);
    table->items[index] = (struct watched){descriptor, copy};
    table->count++;
    return 0;
}

const char *watch_table_path(const struct watch_table *table, int descriptor) {
    size_t index = position(table, descriptor);
    return at(table, index, descriptor) ? table->items[index].path : NULL;
}

void watch_table_remove(struct watch_table *table, int descriptor) {
    size_t index = position(table, descriptor);
    if (!at(table, index, descriptor))
        return;
    free(table->items[index].path);
    table->count--;
    memmove(table->items + index, table->items + index + 1, (table->count - index) * sizeof *table->items);
}

void watch_table_remove_tree(struct watch_table *table, const char *path, void (*each)(int descriptor, void *context),
                             void *context) {
    size_t length = strlen(path);
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct watched item = table->items[i];
        bool below = strncmp(item.path, path, length) == 0 && (item.path[length] == '\0' || item.path[length] == '/');
        if (below) {
            each(item.descriptor, context);
            free(item.path);
        } else {
            table->items[kept++] = item;
        }
    }
    table->count = kept;
}

void watch_table_free(struct watch_table *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->items[i].path);
    free(table->items);
    *table = (struct watch_table){0};
}
