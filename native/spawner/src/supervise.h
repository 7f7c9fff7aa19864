/*
 * Two processes that watch each other. The spawner serves; the supervisor only waits. When the spawner ends without
 * having been told to, the supervisor starts another one; when the supervisor ends, the spawner makes a new one. Both
 * hold the lock, the claim, the listening socket and the mount namespace, so that one of them is enough to keep all.
 */
#ifndef SPAWNER_SUPERVISE_H
#define SPAWNER_SUPERVISE_H

#include "server.h"

struct setup {
    struct host host;
    struct claim claim;
    struct fast_place place;
    int lock;
    int listener;
    int ready; /* -1 once it was answered */
};

/* Becomes the first supervisor; returns the exit code after QUIT, or when the spawner could not start. */
int supervise(struct setup *setup);

#endif
