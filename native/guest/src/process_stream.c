/* The stream a host uses to follow one process: STARTED, output in turns, EXITED; STDIN, SIGNAL, RESIZE, ACK. */
#include "process_stream.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "connection.h"
#include "limits.h"
#include "messages.h"
#include "process.h"
#include "stream.h"

enum { HIGHEST_SIGNAL = 64 };

struct process_stream {
    struct stream stream;
    struct process *process;
    bool announced;
};

static bool handle(struct stream *stream, const struct wire_frame *frame);
static bool pump(struct stream *stream);
static void release(struct stream *stream);

static const struct stream_class class = {.frame = handle, .pump = pump, .release = release};

static struct process_stream *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct process_stream, stream);
}

int process_stream_open(struct process *process, uint32_t id, uint64_t stdout_offset, uint64_t stderr_offset) {
    struct process_stream *attached = calloc(1, sizeof *attached);
    if (attached == NULL)
        return -ENOMEM;
    int error = stream_open(&attached->stream, id, &class);
    if (error != 0) {
        free(attached);
        return error;
    }
    if (process->stream != NULL)
        stream_cancel(process->stream);
    attached->process = process;
    process->stream = &attached->stream;
    process->input.earlier = process->input.waiting.length;
    process->output[0].sent = stdout_offset;
    process->output[1].sent = stderr_offset;
    /* What the host has, it need not get again. An ACK may have been lost with the connection before this one; without
     * this a process that waits for it would wait for ever. */
    process_acknowledge(process, stdout_offset, stderr_offset);
    stream_wake(&attached->stream);
    return 0;
}

static void release(struct stream *stream) {
    struct process_stream *attached = cast(stream);
    attached->process->stream = NULL;
    free(attached);
}

void process_stream_input_used(struct process *process, size_t count) {
    struct input *input = &process->input;
    size_t earlier = count < input->earlier ? count : input->earlier;
    input->earlier -= earlier;
    if (process->stream != NULL && count > earlier)
        stream_consume(process->stream, count - earlier);
}

/* ---- from the host ---- */

static void send_signal(const struct process *process, struct wire_reader *payload) {
    int number = wire_read_u8(payload);
    bool group = wire_read_u8(payload) == 1;
    if (number < 1 || number > HIGHEST_SIGNAL) {
        connection_violation("SIGNAL names a signal that is not 1 to 64");
        return;
    }
    /* A reaped process's number may be somebody else's by now. */
    if (process->reaped)
        return;
    /* Before exec the child may not lead its group yet. Otherwise ESRCH means that it ended, and EXITED follows. */
    if (!group || (kill(-process->pid, number) != 0 && errno == ESRCH))
        (void)kill(process->pid, number);
}

static void resize(const struct process *process, struct wire_reader *payload) {
    struct winsize size = {0};
    size.ws_row = wire_read_u16(payload);
    size.ws_col = wire_read_u16(payload);
    if ((process->flags & EXEC_PTY) != 0 && process->output[0].source.fd >= 0)
        (void)ioctl(process->output[0].source.fd, TIOCSWINSZ, &size); /* fails only when the terminal is gone */
}

static void acknowledge(struct process *process, struct wire_reader *payload) {
    uint64_t stdout_offset = wire_read_u64(payload);
    uint64_t stderr_offset = wire_read_u64(payload);
    if (stdout_offset > process->output[0].sent || stderr_offset > process->output[1].sent)
        connection_violation("ACK is beyond what was sent");
    else
        process_acknowledge(process, stdout_offset, stderr_offset);
}

static bool handle(struct stream *stream, const struct wire_frame *frame) {
    struct process *process = cast(stream)->process;
    struct wire_reader payload;
    wire_reader_init(&payload, frame->payload, frame->length);
    switch (frame->type) {
    case STDIN:
        if (stream_receive(stream, frame->length) && !process_input(process, frame->payload, frame->length))
            connection_violation("more STDIN waits for one process than 8 MiB");
        return true;
    case CLOSE_STDIN: process_input_close(process); return true;
    case SIGNAL: send_signal(process, &payload); return true;
    case RESIZE: resize(process, &payload); return true;
    case ACK: acknowledge(process, &payload); return true;
    default: return false;
    }
}

/* ---- to the host ---- */

/* Sends one frame of what is read and not yet sent. True when something was sent. */
static bool send_output(struct stream *stream, struct output *output, uint8_t type) {
    struct iovec pieces[2];
    size_t skip = (size_t)(output->sent - output->kept.offset);
    int count = byte_queue_peek(&output->kept, skip, stream_allowance(stream, DATA_FRAME_BYTES), pieces);
    if (count == 0)
        return false;
    struct wire_writer *frame = connection_frame(type, stream->id);
    wire_write_u64(frame, output->sent);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        wire_write_bytes(frame, pieces[i].iov_base, pieces[i].iov_len);
        bytes += pieces[i].iov_len;
    }
    connection_frame_end();
    output->sent += bytes;
    stream->send_credit -= bytes;
    return bytes > 0;
}

static bool all_sent(const struct output *output) {
    return output->sent == output->kept.offset + output->kept.length;
}

static void send_exited(struct stream *stream, const struct process *process) {
    struct wire_writer *frame = connection_frame(EXITED, stream->id);
    wire_write_i32(frame, process->exit_code);
    wire_write_u8(frame, process->signal);
    wire_write_u64(frame, process->cpu_micros);
    wire_write_u64(frame, process->max_rss_bytes);
    connection_frame_end();
    stream_end(stream);
}

static void send_failure(struct stream *stream, struct process *process) {
    struct text text;
    int error = process->failure.error;
    spawn_explain(&process->failure, process->argc > 0 ? process->argv : "", process->directory, &text);
    stream_fail(stream, error, &text);
    process_free(process);
}

static bool pump(struct stream *stream) {
    struct process_stream *attached = cast(stream);
    struct process *process = attached->process;
    if (process->failure.step != 0) {
        send_failure(stream, process);
        return false;
    }
    if (!process->started)
        return false;
    if (!attached->announced) {
        struct wire_writer *frame = connection_frame(STARTED, stream->id);
        wire_write_u32(frame, process->id);
        wire_write_u32(frame, (uint32_t)process->pid);
        connection_frame_end();
        attached->announced = true;
    }
    /* At most one frame of each, so that neither starves the other, nor this process the others. */
    bool sent = send_output(stream, &process->output[0], STDOUT);
    sent = send_output(stream, &process->output[1], STDERR) || sent;
    if (process->ended && all_sent(&process->output[0]) && all_sent(&process->output[1])) {
        send_exited(stream, process);
        return false;
    }
    return sent;
}
