/* The files of cgroup v1; see the kernel's Documentation/admin-guide/cgroup-v1 and scheduler/sched-bwc.rst. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cgroup_files.h"

int cgroup1_limit_cpu_pids(uint32_t slot, const struct limits *limits) {
    uint64_t quota = (uint64_t)limits->cpu_millis * CPU_PERIOD_MICROS / 1000;
    uint64_t shares = (uint64_t)limits->cpu_millis * 1024 / 1000;
    int result = cgroup_write_number(slot, CONTROLLER_CPU, "cpu.cfs_period_us", CPU_PERIOD_MICROS);
    if (result == 0)
        result = cgroup_write_number(slot, CONTROLLER_CPU, "cpu.cfs_quota_us", quota);
    if (result == 0)
        result = cgroup_write_number(slot, CONTROLLER_CPU, "cpu.shares", shares < 2 ? 2 : shares > 262144 ? 262144 : shares);
    if (result == 0)
        result = cgroup_write_number(slot, CONTROLLER_PIDS, "pids.max", limits->pids);
    return result;
}

/* Of a cgroup that has no limit yet, or this one already. */
int cgroup1_limit_fresh_memory(uint32_t slot, uint64_t bytes) {
    int result = cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.limit_in_bytes", bytes);
    if (result < 0)
        return result;
    result = cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", bytes);
    return result == -ENOENT || result == -EACCES ? 0 : result; /* a host without swap accounting */
}

/* memory+swap may never be below memory: when growing it goes first, when shrinking it goes last. */
int cgroup1_limit_memory(uint32_t slot, uint64_t bytes) {
    uint64_t old = 0;
    int swap = cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", bytes);
    if (swap == 0)
        return cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.limit_in_bytes", bytes);
    int result = cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.limit_in_bytes", &old);
    if (result == 0)
        result = cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.limit_in_bytes", bytes);
    if (result < 0 || swap == -ENOENT || swap == -EACCES) /* a host without swap accounting */
        return result;
    result = cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", bytes);
    if (result < 0)
        cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.limit_in_bytes", old);
    return result;
}

int cgroup1_freeze(uint32_t slot) {
    return cgroup_write(slot, CONTROLLER_FREEZER, "freezer.state", "FROZEN");
}

bool cgroup1_frozen(uint32_t slot) {
    char text[32];
    return cgroup_read(slot, CONTROLLER_FREEZER, "freezer.state", text, sizeof text) > 0 &&
           strncmp(text, "FROZEN", 6) == 0;
}

/* Lines "8:0 Read 4096": sums one kind over all devices. */
static uint64_t sum_io(const char *text, const char *kind) {
    uint64_t sum = 0;
    size_t length = strlen(kind);
    for (const char *at = text; (at = strstr(at, kind)) != NULL; at += length)
        sum += strtoull(at + length, NULL, 10);
    return sum;
}

int cgroup1_read_usage(uint32_t slot, struct cgroup_stats *stats) {
    uint64_t nanos = 0;
    int result = cgroup_read_number(slot, CONTROLLER_CPUACCT, "cpuacct.usage", &nanos);
    if (result < 0)
        return result;
    stats->cpu_micros = nanos / 1000;
    cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.usage_in_bytes", &stats->memory_bytes);
    return 0;
}

int cgroup1_read_stats(uint32_t slot, struct cgroup_stats *stats) {
    char text[4096];
    uint64_t value = 0;
    int result = cgroup1_read_usage(slot, stats);
    if (result < 0)
        return result;
    if (cgroup_read(slot, CONTROLLER_CPU, "cpu.stat", text, sizeof text) > 0 &&
        find_number(text, "throttled_time", &value) == 0)
        stats->throttled_micros = value / 1000;
    cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.max_usage_in_bytes", &stats->memory_peak_bytes);
    cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.limit_in_bytes", &stats->memory_limit_bytes);
    if (cgroup_read_number(slot, CONTROLLER_PIDS, "pids.current", &value) == 0)
        stats->pids = (uint32_t)value;
    if (cgroups_count_io() &&
        cgroup_read(slot, CONTROLLER_BLKIO, "blkio.throttle.io_service_bytes_recursive", text, sizeof text) > 0) {
        stats->io_read_bytes = sum_io(text, " Read ");
        stats->io_write_bytes = sum_io(text, " Write ");
    }
    cgroup1_oom_kills(slot, &stats->oom_kills);
    stats->frozen = cgroup1_frozen(slot);
    return 0;
}

int cgroup1_oom_kills(uint32_t slot, uint64_t *count) {
    char text[256];
    ssize_t n = cgroup_read(slot, CONTROLLER_MEMORY, "memory.oom_control", text, sizeof text);
    return n < 0 ? (int)n : find_number(text, "oom_kill", count);
}

int cgroup1_watch_oom(uint32_t slot) {
    char path[64], text[64];
    snprintf(path, sizeof path, "s%u/memory.oom_control", slot);
    int control = openat(cgroup_parent(CONTROLLER_MEMORY), path, O_RDONLY | O_CLOEXEC);
    if (control < 0)
        return -errno;
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = event < 0 ? -errno : 0;
    snprintf(text, sizeof text, "%d %d", event, control);
    if (result == 0)
        result = cgroup_write(slot, CONTROLLER_MEMORY, "cgroup.event_control", text);
    fd_close(&control);
    if (result < 0)
        fd_close(&event);
    return result < 0 ? result : event;
}
