/* The table of processes, their start and end: see process.h. */
#include "process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limits.h"
#include "stream.h"

static struct process *processes; /* ascending ids */
static struct process **last = &processes;
static uint32_t next_id = 1;
static uint64_t next_end_order = 1;

struct process *process_new(void) {
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return NULL;
    process->id = next_id++;
    for (int i = 0; i < 2; i++) {
        process->output[i].source = SOURCE_CLOSED(output_ready);
        process->output[i].process = process;
    }
    process->input.source = SOURCE_CLOSED(input_ready);
    process->input.process = process;
    process->report = SOURCE_CLOSED(process_report_ready);
    *last = process;
    last = &process->next;
    return process;
}

void process_free(struct process *process) {
    struct process **link = &processes;
    while (*link != process)
        link = &(*link)->next;
    *link = process->next;
    if (last == &process->next)
        last = link;
    timer_disarm(&process->drain);
    source_close(&process->report);
    source_close(&process->input.source);
    byte_queue_clear(&process->input.waiting);
    for (int i = 0; i < 2; i++) {
        source_close(&process->output[i].source);
        byte_queue_clear(&process->output[i].kept);
    }
    free(process->tag);
    free(process->directory);
    free(process->argv);
    free(process);
}

struct process *process_by_id(uint32_t id) {
    struct process *process = processes;
    while (process != NULL && process->id != id)
        process = process->next;
    return process;
}

struct process *process_first(void) {
    return processes;
}

unsigned processes_running(void) {
    unsigned running = 0;
    for (struct process *process = processes; process != NULL; process = process->next)
        running += process->ended ? 0 : 1;
    return running;
}

void process_report_ready(struct source *source, uint32_t events) {
    struct process *process = CONTAINER_OF(source, struct process, report);
    (void)events;
    ssize_t count = read(source->fd, &process->failure, sizeof process->failure);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count != (ssize_t)sizeof process->failure)
        process->failure.step = 0; /* end of file: exec closed the pipe */
    source_close(source);
    process->started = process->failure.step == 0;
    if (process->stream != NULL)
        stream_wake(process->stream);
    else if (!process->started)
        process_free(process); /* the host that asked is gone, and there never was a process */
}

/* ---- the end ---- */

/* Frees the oldest ended records nobody is attached to while there are too many, or too much output is kept for them;
 * not the one that has just ended, which its caller still uses. */
static void evict(const struct process *newest) {
    for (;;) {
        unsigned count = 0;
        size_t bytes = 0;
        struct process *oldest = NULL;
        for (struct process *process = processes; process != NULL; process = process->next) {
            if (!process->ended)
                continue;
            count++;
            bytes += process_unacknowledged(process);
            if (process != newest && process->stream == NULL && (oldest == NULL || process->end_order < oldest->end_order))
                oldest = process;
        }
        if (oldest == NULL || (count <= LIMIT_ENDED_PROCESSES && bytes <= LIMIT_ENDED_OUTPUT_BYTES))
            return;
        process_free(oldest);
    }
}

void process_finish(struct process *process) {
    if (process->ended)
        return;
    timer_disarm(&process->drain);
    source_close(&process->input.source);
    byte_queue_clear(&process->input.waiting);
    for (int i = 0; i < 2; i++) {
        source_close(&process->output[i].source);
        byte_queue_trim(&process->output[i].kept);
    }
    process->ended = true;
    process->end_order = next_end_order++;
    if (process->stream != NULL)
        stream_wake(process->stream);
    evict(process);
}

static uint64_t micros(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000U + (uint64_t)time.tv_usec;
}

static void reaped(pid_t pid, int status, const struct rusage *usage) {
    struct process *process = processes;
    while (process != NULL && (process->pid != pid || process->reaped))
        process = process->next;
    if (process == NULL)
        return; /* an orphan, or a child that failed to exec */
    process->reaped = true;
    process->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    process->signal = WIFSIGNALED(status) ? (uint8_t)WTERMSIG(status) : 0;
    process->cpu_micros = micros(usage->ru_utime) + micros(usage->ru_stime);
    process->max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024U;
    process_drain(process);
}

bool processes_reap(void) {
    for (;;) {
        int status = 0;
        struct rusage usage;
        pid_t pid = wait4(-1, &status, WNOHANG, &usage);
        if (pid > 0)
            reaped(pid, status, &usage);
        else if (pid == 0 || errno != EINTR)
            return pid == 0;
    }
}

void processes_trim(void) {
    for (struct process *process = processes; process != NULL; process = process->next) {
        byte_queue_trim(&process->input.waiting);
        for (int i = 0; i < 2; i++)
            byte_queue_trim(&process->output[i].kept);
    }
}
