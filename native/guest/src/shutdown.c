/*
 * SHUTDOWN: SIGTERM to all, SIGKILL after the grace, DONE once nobody is left, exit.
 *
 * As PID 1 "all" is every process of the PID namespace. As an ordinary process (in tests) it is what the guest started
 * and what was left to it as subreaper: it must not touch the machine it runs on.
 */
#include "shutdown.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "connection.h"
#include "limits.h"
#include "loop.h"
#include "process.h"
#include "stream.h"

enum { MAX_REQUESTS = 16 };

static enum {
    SERVING,
    ENDING,  /* signals are out, children remain */
    LEAVING, /* nobody is left; the streams of processes get their last output and EXITED */
    ANSWERED /* DONE is sent and must leave the buffer */
} state;
static struct timer limit; /* of the state */
static struct stream *requests[MAX_REQUESTS];
static unsigned request_count;

bool shutdown_in_progress(void) {
    return state != SERVING;
}

/* Children that are not ours by EXEC: orphans. Listed by the kernel with CONFIG_PROC_CHILDREN. */
static void signal_children(int number) {
    char text[4096];
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t count;
    pid_t pid = 0;
    while ((count = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            if (pid > 1)
                (void)kill(pid, number);
            pid = 0;
        }
    }
    (void)close(fd);
}

static void signal_all(int number) {
    if (getpid() == 1) {
        (void)kill(-1, number); /* ESRCH: nobody there */
        return;
    }
    for (struct process *process = process_first(); process != NULL; process = process->next)
        if (!process->reaped && process->pid > 1)
            (void)kill(-process->pid, number);
    signal_children(number);
}

static void grace_over(struct timer *timer) {
    signal_all(SIGKILL);
    /* What is forked while the signals go out is caught by the next round, until nobody is left. */
    timer_arm(timer, DRAIN_MICROS, grace_over);
}

void shutdown_begin(uint32_t grace_millis) {
    if (state == LEAVING || state == ANSWERED)
        return;
    state = ENDING;
    if (grace_millis > 0) {
        signal_all(SIGTERM);
        signal_all(SIGCONT); /* so that stopped processes can end, too */
    }
    timer_arm(&limit, (uint64_t)grace_millis * 1000U, grace_over);
    shutdown_reaped(processes_reap());
}

static void answer(void) {
    state = ANSWERED;
    while (request_count > 0)
        stream_done(requests[request_count - 1]); /* its release takes it off the list */
}

static void leave_anyway(struct timer *timer) {
    if (state == ANSWERED) {
        loop_stop();
        return;
    }
    answer();
    timer_arm(timer, EXIT_FLUSH_MICROS, leave_anyway);
}

void shutdown_reaped(bool any_left) {
    if (state != ENDING || any_left)
        return;
    state = LEAVING;
    timer_arm(&limit, EXIT_FLUSH_MICROS, leave_anyway);
}

static bool someone_listens(void) {
    for (struct process *process = process_first(); process != NULL; process = process->next)
        if (process->stream != NULL)
            return true;
    return false;
}

bool shutdown_check(void) {
    if (state == LEAVING && !someone_listens()) {
        answer();
        return true;
    }
    if (state == ANSWERED && connection_flushed())
        loop_stop();
    return false;
}

/* ---- the stream of the request ---- */

static bool pump(struct stream *stream) {
    (void)stream;
    return false; /* answered by shutdown_check */
}

static void release(struct stream *stream) {
    for (unsigned i = 0; i < request_count; i++)
        if (requests[i] == stream)
            requests[i--] = requests[--request_count];
    free(stream);
}

void shutdown_request(uint32_t id, struct wire_reader *payload) {
    static const struct stream_class class = {.pump = pump, .release = release};
    uint32_t grace_millis = wire_read_u32(payload);
    struct stream *stream = calloc(1, sizeof *stream);
    int error = stream == NULL ? -ENOMEM : request_count == MAX_REQUESTS ? -EBUSY : stream_open(stream, id, &class);
    if (error != 0) {
        free(stream);
        answer_failure(id, -error, "shut down", NULL);
        return;
    }
    requests[request_count++] = stream;
    shutdown_begin(grace_millis);
}
