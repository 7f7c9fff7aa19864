/*
 * All walls of this spawner: one table indexed by slot, one owner (the event loop), no threads. A wall goes
 *
 *   FREE -> BUILDING -> BLANK -> STARTING -> RUNNING -> ENDED
 *
 * and from each of them to CLEANING and FREE again. CLEANING ends when no process, cgroup, layer or file is left.
 */
#ifndef SPAWNER_WALL_H
#define SPAWNER_WALL_H

#include "claim.h"
#include "config.h"
#include "request.h"
#include "skeleton.h"
#include "sys.h"
#include "tree.h"

enum wall_state { WALL_FREE, WALL_BUILDING, WALL_BLANK, WALL_STARTING, WALL_RUNNING, WALL_ENDED, WALL_CLEANING };

struct wall {
    enum wall_state state;
    char id[ID_BYTES]; /* empty: blank */
    pid_t pid;         /* 0: no process */
    uint64_t start_time;
    int pidfd;
    int control; /* to the child until it has executed the guest */
    int oom;
    int userns; /* kept for the next user of the slot */
    uint32_t oom_events;
    enum runtime runtime;
    struct limits limits; /* the cgroup's, under a runtime */
    bool pooled;          /* the sandbox was there before the request */
    uint64_t cpu_before_micros; /* what it had used by then: nobody's */
    char image[IMAGE_BYTES]; /* of a pooled sandbox */
    uint64_t image_inode;
    char checkpoint[ID_BYTES]; /* what it is made from, until it has started; else empty */
    uint64_t disk_bytes;
    uint64_t oom_reported;
    int64_t oom_deadline; /* milliseconds: until then the count may still follow the notice; 0 when none is awaited */
    int64_t since; /* milliseconds: when building, starting or cleaning began */
    bool exec_seen;
    bool adopted;
    struct fault fault; /* why a CREATE failed */
};

/* What the table needs from the rest of the process. */
struct host {
    const struct config *config;
    uint32_t block;
    int guest; /* sealed memfd */
    struct host_dirs host_dirs;
    struct proc_masks masks;
};

/* WATCH_CHECKPOINT: its index is checkpoint_make.c's, not a slot. */
enum watch { WATCH_PID, WATCH_CONTROL, WATCH_OOM, WATCH_NETWORK, WATCH_CHECKPOINT };

/* Implemented by server.c. */
void server_watch(enum watch kind, uint32_t slot, int fd, uint32_t events);
/*
 * Stops watching and closes. Closing alone would not do: a child that is still setting itself up holds a copy of every
 * descriptor, so the kernel would go on reporting events, and they would be taken for those of the slot's next wall.
 */
void server_unwatch(int *fd);
void server_started(uint32_t slot);
void server_cleaned(uint32_t slot, const char *id, const struct fault *fault);
void server_ended(const char *id, int wait_status, uint64_t oom_kills);
void server_oom(const char *id, uint64_t oom_kills);

void walls_init(const struct host *host);
struct wall *wall_at(uint32_t slot);
/* Also of slots that were never used; wall_at is for those below walls_end only. */
bool wall_is_free(uint32_t slot);
/* As cgroup_freeze. */
int wall_freeze(uint32_t slot);
/* The wall of a slot that an adoption puts to use. */
struct wall *wall_reserve(uint32_t slot);
/* Slot of the wall with this id, 0 when there is none (also while it is being cleaned away: then *cleaning). */
uint32_t wall_find(const char *id, bool *cleaning);
uid_t wall_base(uint32_t slot);
/* One past the highest slot ever used. */
uint32_t walls_end(void);
/* Walls with an id or a process; blank ones count too. */
uint32_t walls_count(void);

/* Takes over what an earlier spawner left: running walls stay, the rest is cleaned. */
int walls_adopt(struct fault *fault);
/* Starts a wall; server_started or server_cleaned follows. Returns its slot or a negative errno with nothing left. */
int wall_create(const struct request *request, struct fault *fault);
/* What the cgroup of a wall is given: a runtime's own needs come on top. */
struct limits wall_limits(const struct wall *wall, const struct limits *asked);
/* Kills and removes; server_cleaned follows, perhaps at once. */
void wall_clean(uint32_t slot);
void wall_kill(uint32_t slot);
/* Sandboxes kept ready (wall_pool.c): a frozen one for this request, 0 when there is none or it cannot be one of those. */
uint32_t pool_take(const struct request *request);
/* What is to be made next for the pool; false: nothing. */
bool pool_wants(enum runtime *runtime, char image[IMAGE_BYTES]);
uint64_t pool_image_inode(const char *image);
/* Starts one blank wall when fewer than wanted exist; true when one was started. */
bool walls_refill(void);
/* Something happened on a watched descriptor. */
void wall_event(enum watch kind, uint32_t slot);
/* Goes on with walls whose removal had to wait; returns the milliseconds until it should be called again, -1 never. */
int walls_retry(void);

/* Between wall.c and wall_make.c. */
const struct host *walls_host(void);
uint32_t walls_free_slot(void); /* 0: none */
void wall_read_reports(uint32_t slot);
/* Whether making a blank wall went well; after some failures in a row no more are tried. */
void walls_note_blank(bool good);

/* wall_files.c: the socket, the state file, the activation message. */
int wall_listen(const char *id, uid_t owner, struct fault *fault);
void wall_remove_files(const char *id);
void wall_socket_path(const struct host *host, const char *id, char *out, size_t room);
int wall_write_state(uint32_t slot, const struct wall *wall, bool running);
int wall_read_state(const char *id, uint32_t *slot, struct wall *wall, bool *running);

/* volume.c: a detached, id-mapped mount of a volume, checked against the allow-list. */
int volume_open(const struct host *host, const struct request *request, uint32_t index, uid_t base, struct fault *fault);

/* guest.c: the guest's program as a sealed memfd. Returns a descriptor, or a negative errno. */
int guest_load(const char *path);

#endif
