/* CHECKPOINT and CHECKPOINT_LIST: see requests.h. */
#include <errno.h>

#include "checkpoint.h"
#include "requests.h"

void request_checkpoint(uint32_t client, uint32_t stream, uint32_t slot, const struct request *request, struct fault *fault) {
    int result = checkpoint_begin(slot, request, fault);
    if (result == 0 && server_wait(WAIT_CHECKPOINT, client, stream, request->id, 0) < 0)
        result = fault_set(fault, EAGAIN, "queue", "too many requests are waiting; the checkpoint is written nevertheless");
    if (result < 0)
        answer_error(client, stream, fault);
}

static void add_one(const char *name, uint64_t number, void *context) {
    struct wire_writer *writer = context;
    if (name == NULL) {
        wire_write_u32(writer, (uint32_t)number);
        return;
    }
    wire_write_cstr(writer, name);
    wire_write_u64(writer, number);
}

void request_checkpoints(uint32_t client, uint32_t stream, struct fault *fault) {
    struct wire_writer writer;
    answer_begin(&writer, ANSWER_OK, stream);
    if (checkpoints_list(add_one, &writer, fault) < 0)
        answer_error(client, stream, fault);
    else
        answer_finish(&writer, client);
}
