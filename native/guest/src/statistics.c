/* STATS: what only the guest knows; CPU and memory of the whole Tiny VM are the spawner's to tell. */
#include "statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "messages.h"
#include "process.h"

static uint64_t start_micros;

/* Counts the time a frozen or suspended machine stood still, too: uptime is what a clock on the wall says. */
static uint64_t boot_micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

void statistics_init(void) {
    start_micros = boot_micros();
}

static uint64_t number_at(const char *text) {
    uint64_t number = 0;
    while (*text >= '0' && *text <= '9')
        number = number * 10 + (uint64_t)(*text++ - '0');
    return number;
}

/* The guest's private memory: resident minus shared (proc(5), statm); 0 without /proc. */
static uint64_t own_memory(void) {
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t count = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (count <= 0)
        return 0;
    text[count] = '\0';
    const char *resident = strchr(text, ' ');
    const char *shared = resident == NULL ? NULL : strchr(resident + 1, ' ');
    if (shared == NULL)
        return 0;
    return (number_at(resident + 1) - number_at(shared + 1)) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void statistics_answer(uint32_t id, struct wire_reader *payload) {
    struct statvfs disk = {0};
    (void)payload;
    if (statvfs("/", &disk) != 0)
        disk = (struct statvfs){0};
    struct wire_writer *frame = connection_frame(STATISTICS, id);
    wire_write_u64(frame, boot_micros() - start_micros);
    wire_write_u32(frame, processes_running());
    wire_write_u64(frame, own_memory());
    wire_write_u64(frame, disk.f_blocks * disk.f_frsize);
    wire_write_u64(frame, (disk.f_blocks - disk.f_bfree) * disk.f_frsize);
    connection_frame_end();
}
