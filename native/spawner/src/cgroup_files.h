/* What cgroup.c needs from cgroup1.c and cgroup2.c: the files of each version behind the same names. */
#ifndef SPAWNER_CGROUP_FILES_H
#define SPAWNER_CGROUP_FILES_H

#include "cgroup.h"

enum { CONTROLLER_CPU, CONTROLLER_CPUACCT, CONTROLLER_MEMORY, CONTROLLER_PIDS, CONTROLLER_FREEZER, CONTROLLER_BLKIO,
       CONTROLLERS };

/* A slot's directory relative to the parent, such as "s12". */
struct slot_name { char text[16]; };
struct slot_name slot_name(uint32_t slot);

/* The CPU quota is handed out once per period. Shorter periods shorten the longest stall of a throttled Tiny VM; 0.1 core
 * of 50 ms is 5 ms, one slice of the kernel's bandwidth timer, so that it stays exact. */
#define CPU_PERIOD_MICROS 50000U

/* The parent's descriptor of a controller's hierarchy, -1 when the host has none. */
int cgroup_parent(int controller);
int cgroup_write(uint32_t slot, int controller, const char *file, const char *text);
int cgroup_write_number(uint32_t slot, int controller, const char *file, uint64_t number);
int cgroup_read_number(uint32_t slot, int controller, const char *file, uint64_t *out);
ssize_t cgroup_read(uint32_t slot, int controller, const char *file, char *out, size_t room);

int cgroup1_limit_cpu_pids(uint32_t slot, const struct limits *limits);
int cgroup1_limit_fresh_memory(uint32_t slot, uint64_t bytes);
int cgroup1_limit_memory(uint32_t slot, uint64_t bytes);
int cgroup1_freeze(uint32_t slot);
bool cgroup1_frozen(uint32_t slot);
int cgroup1_read_usage(uint32_t slot, struct cgroup_stats *stats);
int cgroup1_read_stats(uint32_t slot, struct cgroup_stats *stats);
int cgroup1_oom_kills(uint32_t slot, uint64_t *count);
int cgroup1_watch_oom(uint32_t slot);

int cgroup2_limit_cpu_pids(uint32_t slot, const struct limits *limits);
int cgroup2_limit_memory(uint32_t slot, uint64_t bytes);
int cgroup2_freeze(uint32_t slot);
bool cgroup2_frozen(uint32_t slot);
int cgroup2_read_usage(uint32_t slot, struct cgroup_stats *stats);
int cgroup2_read_stats(uint32_t slot, struct cgroup_stats *stats);
int cgroup2_oom_kills(uint32_t slot, uint64_t *count);
int cgroup2_watch_oom(uint32_t slot);
/* Hands the controllers down to the parent's children. */
int cgroup2_delegate(int root_fd, int parent_fd, struct fault *fault);

#endif
