/*
 * Going through a directory tree in small steps, depth first, without following symlinks. Each level holds one descriptor;
 * the caller decides for each directory whether to go into it. Call as the user whose view it is (identity_enter).
 */
#ifndef GUEST_WALK_H
#define GUEST_WALK_H

#include <stddef.h>
#include <stdint.h>

enum { WALK_PATH_BYTES = 4096, WALK_BUFFER_BYTES = 8192 };

struct walk_level {
    int fd;
    size_t prefix;  /* length of the path before this level's names */
    int64_t resume; /* directory position after the entry that was gone into */
};

struct walk {
    struct walk_level *levels;
    size_t depth;    /* open levels */
    size_t capacity;
    uint8_t *buffer; /* of the deepest level */
    size_t at;
    size_t end;
    int64_t position; /* after the current entry */
    char path[WALK_PATH_BYTES]; /* of the current entry, relative to the root */
    size_t name;      /* where its name begins */
};

/* Opens the root directory. 0 or a negative errno (nothing is held then). A zeroed walk is closed. */
int walk_open(struct walk *walk, const char *root);
/* 1: the next entry is in walk->path, its directory is walk_directory(). 0: the end. Negative: the root cannot be read;
 * unreadable directories below are passed over. */
int walk_next(struct walk *walk);
/* Goes into the current entry, which should be a directory. 0 or a negative errno (too deep: ELOOP). */
int walk_enter(struct walk *walk);
int walk_directory(const struct walk *walk);
const char *walk_name(const struct walk *walk);
void walk_close(struct walk *walk);

#endif
