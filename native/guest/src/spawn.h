/* Starting a program: fork, a clean child, exec. */
#ifndef GUEST_SPAWN_H
#define GUEST_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "text.h"
#include "users.h"

/* Where the child failed. */
enum spawn_step { SPAWN_SESSION = 1, SPAWN_STDIO, SPAWN_TERMINAL, SPAWN_SIGNALS, SPAWN_DESCRIPTORS, SPAWN_IDENTITY, SPAWN_DIRECTORY, SPAWN_PROGRAM };

/* What the child writes to `report` (close-on-exec) before it gives up; nothing when exec succeeded. */
struct spawn_failure {
    int step;
    int error;
};

struct spawn_request {
    const struct user *user;
    char *const *argv;
    char *const *environment;
    const char *directory; /* NULL: the user's home, or / when that is not a directory */
    const char *path;      /* the PATH to search */
    int stdio[3];
    bool terminal; /* stdio is a terminal that becomes the controlling one */
    int report;
};

/* Remembers what children must get back: resource limits and the OOM score. Call once at start. */
void spawn_init(void);
/* Forks. 0 and the pid, or a negative errno. Whether exec worked is told by `report`. */
int spawn(const struct spawn_request *request, pid_t *pid);
/* The sentence for a failure. */
void spawn_explain(const struct spawn_failure *failure, const char *program, const char *directory, struct text *text);

#endif
