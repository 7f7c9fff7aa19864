/*
 * The cgroup2 of a wall, for the connect filter. On a v2 host it is the wall's own cgroup. On a hybrid host, whose cgroup2
 * has no controllers that the spawner uses, a wall gets one `tinyvm-<block>/s<slot>` there when it needs it and its
 * processes are moved in; they go back to where the spawner is when it does not need it any more.
 */
#ifndef SPAWNER_CGROUP_UNIFIED_H
#define SPAWNER_CGROUP_UNIFIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Hybrid hosts: notes the hierarchy; nothing is made yet. */
void unified_open(const char *mount_point, const char *parent_name);
size_t unified_fds(int *out, size_t room);
/* Whether there is a cgroup2 to attach programs to. */
bool unified_available(void);
/* Moves the wall's processes in where needed. A descriptor of the cgroup, or a negative errno with nothing left. */
int unified_enter(uint32_t slot);
/* The cgroup as it is; -ENOENT when there is none. */
int unified_find(uint32_t slot);
/* Moves them back and removes what enter made; nothing there is fine. */
int unified_leave(uint32_t slot);
void unified_each_slot(void (*visit)(uint32_t slot, void *context), void *context);
/* An empty cgroup to try programs on: a descriptor; end it with unified_end_trial. */
int unified_begin_trial(void);
void unified_end_trial(int *fd);
/* Removes the parent when it is empty. */
void unified_remove_parent(void);

#endif
