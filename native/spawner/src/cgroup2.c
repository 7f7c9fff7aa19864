/* The files of cgroup v2; see the kernel's Documentation/admin-guide/cgroup-v2.rst. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_files.h"

/* Whether a space-separated list holds a word. */
static bool has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\n' || at[length] == 0))
            return true;
    return false;
}

static int hand_on(int dirfd, const char *controller) {
    char list[256], text[32];
    ssize_t n = read_file_at(dirfd, "cgroup.subtree_control", list, sizeof list);
    if (n < 0)
        return (int)n;
    if (has_word(list, controller))
        return 0;
    snprintf(text, sizeof text, "+%s", controller);
    return write_file_at(dirfd, "cgroup.subtree_control", text);
}

int cgroup2_delegate(int root_fd, int parent_fd, struct fault *fault) {
    static const char *const needed[] = {"cpu", "memory", "pids", "io"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        int result = hand_on(root_fd, needed[i]);
        if (result == 0)
            result = hand_on(parent_fd, needed[i]);
        if (result < 0 && strcmp(needed[i], "io") != 0) /* without io only its statistics are missing */
            return fault_set(fault, -result, "delegate-cgroup",
                             "the cgroup v2 controller %s is not available to children of the root cgroup; inside a "
                             "container it has to be delegated (for example podman --cgroupns=host)", needed[i]);
    }
    return 0;
}

int cgroup2_limit_cpu_pids(uint32_t slot, const struct limits *limits) {
    char text[64];
    uint64_t weight = limits->cpu_millis / 10;
    snprintf(text, sizeof text, "%llu %u", (unsigned long long)limits->cpu_millis * CPU_PERIOD_MICROS / 1000,
             CPU_PERIOD_MICROS);
    int result = cgroup_write(slot, CONTROLLER_CPU, "cpu.max", text);
    if (result == 0)
        result = cgroup_write_number(slot, CONTROLLER_CPU, "cpu.weight", weight > 10000 ? 10000 : weight);
    if (result == 0)
        result = cgroup_write_number(slot, CONTROLLER_PIDS, "pids.max", limits->pids);
    return result;
}

/* Writing memory.max below the use would kill; so the use is brought down first, and EBUSY said when it stays. */
int cgroup2_limit_memory(uint32_t slot, uint64_t bytes) {
    uint64_t current = 0;
    int result = cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.current", &current);
    if (result < 0)
        return result;
    if (current > bytes) {
        cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.reclaim", current - bytes);
        result = cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.current", &current);
        if (result == 0 && current > bytes)
            result = -EBUSY;
    }
    if (result == 0) {
        result = cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.swap.max", 0); /* the limit includes swap */
        if (result == -ENOENT || result == -EACCES)                                  /* no swap accounting */
            result = 0;
    }
    return result < 0 ? result : cgroup_write_number(slot, CONTROLLER_MEMORY, "memory.max", bytes);
}

int cgroup2_freeze(uint32_t slot) {
    return cgroup_write(slot, CONTROLLER_FREEZER, "cgroup.freeze", "1");
}

bool cgroup2_frozen(uint32_t slot) {
    char text[128];
    uint64_t frozen = 0;
    return cgroup_read(slot, CONTROLLER_FREEZER, "cgroup.events", text, sizeof text) > 0 &&
           find_number(text, "frozen", &frozen) == 0 && frozen == 1;
}

/* Lines "8:0 rbytes=1 wbytes=2 ...". */
static uint64_t sum_io(const char *text, const char *key) {
    uint64_t sum = 0;
    size_t length = strlen(key);
    for (const char *at = text; (at = strstr(at, key)) != NULL; at += length)
        sum += strtoull(at + length, NULL, 10);
    return sum;
}

int cgroup2_read_usage(uint32_t slot, struct cgroup_stats *stats) {
    char text[4096];
    ssize_t n = cgroup_read(slot, CONTROLLER_CPU, "cpu.stat", text, sizeof text);
    if (n < 0)
        return (int)n;
    find_number(text, "usage_usec", &stats->cpu_micros);
    cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.current", &stats->memory_bytes);
    return 0;
}

int cgroup2_read_stats(uint32_t slot, struct cgroup_stats *stats) {
    char text[4096];
    uint64_t value = 0;
    ssize_t n = cgroup_read(slot, CONTROLLER_CPU, "cpu.stat", text, sizeof text);
    if (n < 0)
        return (int)n;
    find_number(text, "usage_usec", &stats->cpu_micros);
    find_number(text, "throttled_usec", &stats->throttled_micros);
    cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.current", &stats->memory_bytes);
    if (cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.peak", &stats->memory_peak_bytes) < 0)
        stats->memory_peak_bytes = stats->memory_bytes; /* before kernel 5.19 */
    cgroup_read_number(slot, CONTROLLER_MEMORY, "memory.max", &stats->memory_limit_bytes);
    if (cgroup_read_number(slot, CONTROLLER_PIDS, "pids.current", &value) == 0)
        stats->pids = (uint32_t)value;
    if (cgroups_count_io() && cgroup_read(slot, CONTROLLER_BLKIO, "io.stat", text, sizeof text) > 0) {
        stats->io_read_bytes = sum_io(text, " rbytes=");
        stats->io_write_bytes = sum_io(text, " wbytes=");
    }
    cgroup2_oom_kills(slot, &stats->oom_kills);
    stats->frozen = cgroup2_frozen(slot);
    return 0;
}

int cgroup2_oom_kills(uint32_t slot, uint64_t *count) {
    char text[256];
    ssize_t n = cgroup_read(slot, CONTROLLER_MEMORY, "memory.events", text, sizeof text);
    return n < 0 ? (int)n : find_number(text, "oom_kill", count);
}

int cgroup2_watch_oom(uint32_t slot) {
    char path[64];
    snprintf(path, sizeof path, "s%u/memory.events", slot);
    int fd = openat(cgroup_parent(CONTROLLER_MEMORY), path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
