/*
 * The read-only trees that a wall stands on. An image is one tree or a stack of shared layers; a tree is a directory, or an
 * EROFS file that is mounted here once, so that all walls on it share its pages. All of it was written by root.
 */
#ifndef SPAWNER_LOWER_H
#define SPAWNER_LOWER_H

#include "sys.h"

enum { MAX_LOWERS = 128, LOWER_PATH_BYTES = 224 };

/* Topmost first. Each path holds in the spawner's mount tree and in the copy that a wall's child has of it. */
struct lowers {
    uint32_t count;
    char paths[MAX_LOWERS][LOWER_PATH_BYTES];
};

/* Finds the trees of an image other than `host` and mounts what must be. */
int lowers_find(const char *image, struct lowers *lowers, struct fault *fault);
/* Lets go of the mounts whose files were removed; walls that stand on them keep them. */
void lowers_sweep(void);
/* A new spawner begins: the mounts stay and are found again, what it inherited of another's descriptors is gone. */
void lowers_forget(void);

#endif
