/*
 * The cgroups of all Tiny VMs: one directory `s<slot>` under one parent of our own (`tinyvm-<block>`) in every hierarchy
 * in use. Works on cgroup v1, v2 and hybrid hosts (v1 controllers, with a cgroup2 that has none of them). Never remounts
 * a hierarchy, never moves a process that is not ours. The parents are held as descriptors, opened before the spawner
 * leaves the host's mount tree.
 */
#ifndef SPAWNER_CGROUP_H
#define SPAWNER_CGROUP_H

#include "request.h"
#include "sys.h"

enum cgroup_mode { CGROUP_V1 = 1, CGROUP_V2 = 2, CGROUP_HYBRID = 3 };

struct cgroup_stats {
    uint64_t cpu_micros;
    uint64_t throttled_micros;
    uint64_t memory_bytes;
    uint64_t memory_peak_bytes;
    uint64_t memory_limit_bytes;
    uint64_t io_read_bytes;
    uint64_t io_write_bytes;
    uint64_t oom_kills;
    uint32_t pids;
    bool frozen;
};

/* Finds the hierarchies and makes the parent. */
int cgroups_open(const char *parent_name, struct fault *fault);
enum cgroup_mode cgroups_mode(void);
/* Whether this host counts I/O bytes per cgroup. */
bool cgroups_count_io(void);
/* Descriptors of the parents, for close_all_but; returns how many. */
size_t cgroups_fds(int *out, size_t room);
/* Removes the parent; every slot must be gone. */
int cgroups_remove_parent(void);
/* Calls `visit` for each slot that has a directory in any hierarchy. */
void cgroups_each_slot(void (*visit)(uint32_t slot, void *context), void *context);

int cgroup_make(uint32_t slot, struct fault *fault);
/* Gives the file that freezes the slot, and nothing else of it, to the manager: a thaw need not wait for a wall that is being made. */
int cgroup_give_freezer(uint32_t slot, uid_t manager, struct fault *fault);
int cgroup_limit(uint32_t slot, const struct limits *limits, struct fault *fault);
/* Live change: EBUSY when more memory is in use than the new limit and cannot be reclaimed. Undone when it fails. */
int cgroup_resize(uint32_t slot, const struct limits *limits, struct fault *fault);
/* v2: a descriptor for CLONE_INTO_CGROUP. v1: -ENOTSUP, the child has to join by itself. */
int cgroup_clone_fd(uint32_t slot);
/* Moves the calling process in (v1). */
int cgroup_join(uint32_t slot);
/* -EAGAIN: asked for, not yet reached. */
int cgroup_freeze(uint32_t slot);
int cgroup_thaw(uint32_t slot);
bool cgroup_frozen(uint32_t slot);
/* Calls `visit` for each process of the slot, at most some hundreds. */
void cgroup_each_process(uint32_t slot, void (*visit)(pid_t pid, void *context), void *context);
/* SIGKILL to every process in it; on v1 the processes are thawed so that they can die. */
void cgroup_kill(uint32_t slot);
/* -EBUSY while a process is in it. Nothing there is 0. */
int cgroup_remove(uint32_t slot);
int cgroup_read_stats(uint32_t slot, struct cgroup_stats *stats);
/* cpu_micros and memory_bytes alone: two files instead of ten. */
int cgroup_read_usage(uint32_t slot, struct cgroup_stats *stats);
int cgroup_oom_kills(uint32_t slot, uint64_t *count);
/* A descriptor that becomes ready when the kernel kills for memory; *events gets the epoll events to wait for. */
int cgroup_watch_oom(uint32_t slot, uint32_t *events);

#endif
