/* LIST, ATTACH and FORGET. */
#include "process_requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "limits.h"
#include "messages.h"
#include "process.h"
#include "process_stream.h"
#include "stream.h"

enum { LISTED_FIXED_BYTES = 64 };

/* ---- LIST: frame by frame, so that any number of processes fits ---- */

struct listing {
    struct stream stream;
    uint32_t after; /* the id told last */
};

static struct process *next_started(uint32_t after) {
    struct process *process = process_first();
    while (process != NULL && (process->id <= after || !process->started))
        process = process->next;
    return process;
}

static size_t listed_bytes(const struct process *process) {
    return LISTED_FIXED_BYTES + process->tag_length + LIMIT_LISTED_ARGV_BYTES + 4U * process->argc;
}

static void write_process(struct wire_writer *frame, const struct process *process) {
    wire_write_u32(frame, process->id);
    wire_write_u32(frame, (uint32_t)process->pid);
    wire_write_u8(frame, process->ended ? 1 : 0);
    wire_write_u32(frame, process->flags);
    wire_write_str(frame, process->tag, process->tag_length);
    wire_write_u32(frame, process->argc);
    const char *word = process->argv;
    for (uint32_t i = 0; i < process->argc; i++) {
        wire_write_cstr(frame, word);
        word += strlen(word) + 1;
    }
    wire_write_u64(frame, process->started_unix_micros);
}

static bool pump_listing(struct stream *stream) {
    struct listing *listing = CONTAINER_OF(stream, struct listing, stream);
    struct process *stop = next_started(listing->after);
    uint32_t count = 0;
    size_t bytes = 0;
    for (; stop != NULL && bytes + listed_bytes(stop) <= DATA_FRAME_BYTES; stop = next_started(stop->id)) {
        bytes += listed_bytes(stop);
        count++;
    }
    struct wire_writer *frame = connection_frame(PROCESSES, stream->id);
    wire_write_u8(frame, stop != NULL ? 1 : 0);
    wire_write_u32(frame, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct process *process = next_started(listing->after);
        write_process(frame, process);
        listing->after = process->id;
    }
    connection_frame_end();
    if (stop != NULL)
        return true;
    stream_done(stream);
    return false;
}

static void release_listing(struct stream *stream) {
    free(CONTAINER_OF(stream, struct listing, stream));
}

void process_list(uint32_t id, struct wire_reader *payload) {
    static const struct stream_class class = {.pump = pump_listing, .release = release_listing};
    (void)payload;
    struct listing *listing = calloc(1, sizeof *listing);
    int error = listing == NULL ? -ENOMEM : stream_open(&listing->stream, id, &class);
    if (error != 0) {
        free(listing);
        answer_failure(id, -error, "list the processes", NULL);
        return;
    }
    stream_wake(&listing->stream);
}

/* ---- ATTACH, FORGET ---- */

static struct process *known(uint32_t id, uint32_t process_id) {
    struct process *process = process_by_id(process_id);
    if (process != NULL && process->started)
        return process;
    struct text text;
    text_start(&text, "there is no process ");
    text_add_number(&text, process_id);
    text_add(&text, " (any more)");
    answer_error(id, ESRCH, &text);
    return NULL;
}

static bool keeps(const struct output *output, uint64_t offset) {
    return offset >= output->kept.offset && offset <= output->kept.offset + output->kept.length;
}

/* What an offset of ATTACH means: the oldest byte that is kept has a name of its own. */
static uint64_t wanted(const struct output *output, uint64_t offset) {
    return offset == UINT64_MAX ? output->kept.offset : offset;
}

void process_attach(uint32_t id, struct wire_reader *payload) {
    uint32_t process_id = wire_read_u32(payload);
    uint64_t stdout_offset = wire_read_u64(payload);
    uint64_t stderr_offset = wire_read_u64(payload);
    struct process *process = known(id, process_id);
    if (process == NULL)
        return;
    stdout_offset = wanted(&process->output[0], stdout_offset);
    stderr_offset = wanted(&process->output[1], stderr_offset);
    if (!keeps(&process->output[0], stdout_offset) || !keeps(&process->output[1], stderr_offset)) {
        struct text text;
        text_start(&text, "the output of process ");
        text_add_number(&text, process_id);
        text_add(&text, " is not kept from these offsets; it begins at ");
        text_add_number(&text, (int64_t)process->output[0].kept.offset);
        text_add(&text, " (stdout) and ");
        text_add_number(&text, (int64_t)process->output[1].kept.offset);
        text_add(&text, " (stderr)");
        answer_error(id, ERANGE, &text);
        return;
    }
    int error = process_stream_open(process, id, stdout_offset, stderr_offset);
    if (error != 0)
        answer_failure(id, -error, "attach to the process", NULL);
}

void process_forget(uint32_t id, struct wire_reader *payload) {
    struct process *process = known(id, wire_read_u32(payload));
    if (process == NULL)
        return;
    if (!process->ended || process->stream != NULL) {
        struct text text;
        text_start(&text, process->ended ? "the process's end has not been told to the stream attached to it yet"
                                         : "the process is running: signal it first");
        answer_error(id, EBUSY, &text);
        return;
    }
    process_free(process);
    answer_done(id);
}
