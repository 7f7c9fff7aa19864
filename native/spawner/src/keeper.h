/*
 * The first process of a wall that an OCI runtime makes. It is PID 1 of a PID namespace that holds the runtime, its helpers
 * (for gVisor the sentry and the gofer) and the Tiny VM itself: it reaps all of them, ends when the Tiny VM ends, and when
 * it is killed the kernel kills every one of them. So no runtime is ever asked to delete anything.
 */
#ifndef SPAWNER_KEEPER_H
#define SPAWNER_KEEPER_H

#include "child.h"

/* Starts the runtime in the stage, as uid 0 of the wall's user namespace, and waits until it has started the guest; *guest
 * gets the pid of the process that the Tiny VM lives and dies with. listener: -1, or descriptor 3 of the guest. */
int keeper_start(const struct child_plan *plan, int listener, pid_t *guest, struct fault *fault);
/* Reaps until the Tiny VM ends; with listener >= 0 also carries connections to the guest's own socket. Never returns. */
_Noreturn void keeper_run(pid_t guest, int listener);

/* In relay.c: carries bytes between connections made to `listener` and the guest's socket in the stage. */
struct relay;
int relay_open(int epoll, int listener);
/* Handles one event of the epoll descriptor whose key is not 0. */
void relay_event(uint64_t key, uint32_t events);
/* Connects to the guest's socket; -ENOENT and -ECONNREFUSED as long as nobody listens there. */
int relay_connect(void);

#endif
