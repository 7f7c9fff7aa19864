/* Input of processes: written at once when the pipe takes it, else kept until it does. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "limits.h"
#include "messages.h"
#include "process.h"
#include "process_stream.h"

/* Writes what waits. Bytes that the process will never read (it closed its stdin) count as used. */
static void write_waiting(struct input *input) {
    struct iovec pieces[2];
    size_t used = 0;
    int count;
    while ((count = byte_queue_peek(&input->waiting, 0, READ_PER_WAKE_BYTES, pieces)) > 0) {
        ssize_t written = writev(input->source.fd, pieces, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            break;
        if (written < 0) {
            used += input->waiting.length;
            byte_queue_clear(&input->waiting);
            source_close(&input->source);
            break;
        }
        used += (size_t)written;
        byte_queue_drop(&input->waiting, (size_t)written);
    }
    if (input->waiting.length == 0 && input->closing)
        source_close(&input->source);
    /* With nothing to write only the reader's end matters, which the next write reports. */
    source_want(&input->source, input->waiting.length > 0 ? (uint32_t)EPOLLOUT : 0);
    process_stream_input_used(input->process, used);
}

void input_ready(struct source *source, uint32_t events) {
    (void)events;
    write_waiting(CONTAINER_OF(source, struct input, source));
}

bool process_input(struct process *process, const uint8_t *bytes, size_t count) {
    struct input *input = &process->input;
    if (input->source.fd < 0 || input->closing) {
        process_stream_input_used(process, count);
        return true;
    }
    if (input->waiting.length + count > LIMIT_STDIN_BYTES || byte_queue_append(&input->waiting, bytes, count) != 0)
        return false;
    write_waiting(input);
    return true;
}

void process_input_close(struct process *process) {
    struct input *input = &process->input;
    if (input->source.fd < 0 || input->closing)
        return;
    if ((process->flags & EXEC_PTY) != 0) {
        struct termios terminal;
        uint8_t end = tcgetattr(input->source.fd, &terminal) == 0 ? terminal.c_cc[VEOF] : 4;
        if (byte_queue_append(&input->waiting, &end, 1) == 0)
            write_waiting(input);
        return;
    }
    input->closing = true;
    write_waiting(input);
}
