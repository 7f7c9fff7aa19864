/* The event loop of the spawner: one thread, one epoll set, no blocking on clients. */
#ifndef SPAWNER_SERVER_H
#define SPAWNER_SERVER_H

#include "wall.h"

/* Memory that spawner and supervisor share across restarts. */
struct shared {
    volatile uint32_t quitting; /* 1: a client said QUIT; a restarted spawner goes on with it */
    volatile uint32_t finished; /* 1: everything is removed, both may end */
    volatile uint32_t started;  /* 1: a spawner has served */
    volatile int32_t supervisor;
};

struct server_setup {
    const struct host *host;
    struct shared *shared;
    int listener;
    int supervisor;                 /* pidfd */
    int (*new_supervisor)(void);    /* starts one and returns its pidfd, or a negative errno */
    void (*remove_everything)(void); /* the last act of QUIT */
};

/* In a process made by a spawner: its descriptors are closed, and their numbers mean nothing any more. */
void server_forget(void);
/* Adopts, reports `on_ready`, serves until QUIT; returns the process's exit code. */
int server_run(const struct server_setup *setup, void (*on_ready)(const struct fault *fault));

#endif
