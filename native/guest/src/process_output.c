/*
 * Output of processes: read into a queue until LIMIT_UNACKNOWLEDGED_BYTES are unacknowledged, then the pipe is parked, it
 * fills, and the process blocks in write(2): nothing is lost, and the guest's memory stays bounded.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "limits.h"
#include "process.h"
#include "stream.h"

enum { FIRST_READ_BYTES = 4096 };

size_t process_unacknowledged(const struct process *process) {
    return process->output[0].kept.length + process->output[1].kept.length;
}

void process_regulate(struct process *process) {
    bool full = process_unacknowledged(process) >= LIMIT_UNACKNOWLEDGED_BYTES;
    for (int i = 0; i < 2; i++)
        source_want(&process->output[i].source, full ? 0 : (uint32_t)EPOLLIN);
    if (process->stalled == full)
        return;
    process->stalled = full;
    if (process->reaped && !process->ended)
        process_drain(process);
}

/* Reads once. Returns bytes read, 0 at end of file (a hung-up terminal gives EIO), or a negative errno. */
static ssize_t read_once(struct output *output, size_t most) {
    struct iovec pieces[2];
    size_t free_bytes = output->kept.capacity - output->kept.length;
    size_t least = free_bytes > 0 ? 1 : FIRST_READ_BYTES;
    int count = byte_queue_space(&output->kept, least, pieces);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++) {
        pieces[i].iov_len = pieces[i].iov_len < most ? pieces[i].iov_len : most;
        most -= pieces[i].iov_len;
    }
    ssize_t got = readv(output->source.fd, pieces, count);
    if (got < 0)
        return errno == EIO ? 0 : -errno;
    byte_queue_commit(&output->kept, (size_t)got);
    return got;
}

/* Reads what one wake allows. True when bytes came. */
static bool read_output(struct output *output) {
    struct process *process = output->process;
    size_t left = READ_PER_WAKE_BYTES;
    bool any = false;
    while (left > 0 && output->source.fd >= 0) {
        size_t held = process_unacknowledged(process);
        size_t most = held < LIMIT_UNACKNOWLEDGED_BYTES ? LIMIT_UNACKNOWLEDGED_BYTES - held : 0;
        if (most == 0)
            break;
        ssize_t got = read_once(output, most < left ? most : left);
        if (got == 0)
            source_close(&output->source);
        if (got <= 0)
            break; /* nothing there, or no memory for it: it stays in the pipe */
        left -= (size_t)got;
        any = true;
        if (output->kept.length < output->kept.capacity)
            break; /* the read was short: the pipe is empty */
    }
    return any;
}

void output_ready(struct source *source, uint32_t events) {
    struct output *output = CONTAINER_OF(source, struct output, source);
    struct process *process = output->process;
    (void)events;
    bool any = read_output(output);
    process_regulate(process);
    if (any && process->stream != NULL)
        stream_wake(process->stream);
    if (process->reaped && !process->ended)
        process_drain(process);
}

/* The silence lasted: one last look, because on a busy machine the loop may be later than the bytes. */
static void silent(struct timer *timer) {
    struct process *process = CONTAINER_OF(timer, struct process, drain);
    bool any = false;
    for (int i = 0; i < 2; i++)
        any = read_output(&process->output[i]) || any;
    process_regulate(process);
    if (any && process->stream != NULL)
        stream_wake(process->stream);
    if (any)
        process_drain(process);
    else
        process_finish(process);
}

void process_drain(struct process *process) {
    bool open = process->output[0].source.fd >= 0 || process->output[1].source.fd >= 0;
    if (!open)
        process_finish(process);
    else if (process->stalled)
        timer_disarm(&process->drain); /* the silence is ours */
    else
        timer_arm(&process->drain, DRAIN_MICROS, silent);
}

static void acknowledge(struct output *output, uint64_t offset) {
    if (offset > output->kept.offset)
        byte_queue_drop(&output->kept, (size_t)(offset - output->kept.offset));
}

void process_acknowledge(struct process *process, uint64_t stdout_offset, uint64_t stderr_offset) {
    acknowledge(&process->output[0], stdout_offset);
    acknowledge(&process->output[1], stderr_offset);
    process_regulate(process);
}
