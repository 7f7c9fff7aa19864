/*
 * Processes that EXEC started: their records, output, input, end.
 *
 * A record lives from a successful fork until FORGET or, for ended ones nobody is attached to, until it is the oldest of
 * too many. It is independent of connections: a process_stream attaches to it while a host is there.
 *
 *   starting --exec worked--> running --reaped--> draining --pipes at end or silent--> ended
 *      \--exec failed--> (ERROR, record freed)
 */
#ifndef GUEST_PROCESS_H
#define GUEST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "byte_queue.h"
#include "loop.h"
#include "spawn.h"

struct process;
struct stream;

/* One direction of output. kept holds what was read and not yet acknowledged. */
struct output {
    struct source source; /* closed at end of file */
    struct byte_queue kept;
    uint64_t sent; /* offset of the next byte to send on the attached stream */
    struct process *process;
};

struct input {
    struct source source;
    struct byte_queue waiting;
    size_t earlier; /* of waiting: sent on a stream before the attached one, whose credit is nobody's now */
    bool closing;   /* close when waiting is empty */
    struct process *process;
};

struct process {
    struct process *next;
    uint32_t id;
    pid_t pid;
    uint32_t flags;
    bool started;
    bool reaped;
    bool ended;
    bool stalled;           /* output is not read: too much is unacknowledged */
    struct stream *stream;  /* attached, or NULL */
    struct output output[2]; /* stdout, stderr */
    struct input input;
    struct source report;
    struct spawn_failure failure; /* step 0: none */
    struct timer drain;
    uint64_t end_order; /* counts up; smaller ended earlier */
    uint64_t started_unix_micros;
    uint64_t cpu_micros;
    uint64_t max_rss_bytes;
    int32_t exit_code;
    uint8_t signal;
    char *tag;
    char *directory; /* as asked for, or NULL */
    char *argv;      /* listed arguments, each with its NUL */
    uint32_t argc;   /* of them */
    size_t tag_length;
};

/* ---- table (process.c) ---- */
struct process *process_new(void);
void process_free(struct process *process);
struct process *process_by_id(uint32_t id);
/* Records in ascending id; NULL ends. */
struct process *process_first(void);
unsigned processes_running(void);
/* Calls waitpid until nobody is left to reap. Returns false when there are no children at all. */
bool processes_reap(void);
/* Ends draining: everything that will be read was read. */
void process_finish(struct process *process);
/* The program runs (or failed to): the report pipe is at its end. */
void process_report_ready(struct source *source, uint32_t events);
void processes_trim(void);

/* ---- output (process_output.c) ---- */
void output_ready(struct source *source, uint32_t events);
/* Reads or parks according to what is unacknowledged. */
void process_regulate(struct process *process);
/* Starts or restarts the wait for silence of a reaped process; finishes it when both pipes are at their end. */
void process_drain(struct process *process);
size_t process_unacknowledged(const struct process *process);
/* Drops acknowledged bytes. */
void process_acknowledge(struct process *process, uint64_t stdout_offset, uint64_t stderr_offset);

/* ---- input (process_input.c) ---- */
void input_ready(struct source *source, uint32_t events);
/* Takes STDIN bytes; tells the attached stream when they are used. False: more wait than is allowed. */
bool process_input(struct process *process, const uint8_t *bytes, size_t count);
void process_input_close(struct process *process);

#endif
