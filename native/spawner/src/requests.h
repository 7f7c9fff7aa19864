/* What each request of the protocol does and answers. */
#ifndef SPAWNER_REQUESTS_H
#define SPAWNER_REQUESTS_H

#include "server.h"

enum waiting_kind { WAIT_CREATE, WAIT_DESTROY, WAIT_FREEZE, WAIT_QUIT, WAIT_CHECKPOINT };

/* Negative: the frame is malformed, close the connection. */
int handle_request(const struct server_setup *setup, uint32_t client, const struct wire_frame *frame);

/* One answer at a time: fill what answer_begin began. */
void answer_begin(struct wire_writer *writer, uint8_t type, uint32_t stream);
void answer_finish(struct wire_writer *writer, uint32_t client);
void answer_ok(uint32_t client, uint32_t stream);
void answer_bytes(uint32_t client, uint32_t stream, uint64_t bytes);
void answer_error(uint32_t client, uint32_t stream, const struct fault *fault);
void answer_created(uint32_t client, uint32_t stream, const struct host *host, const struct wall *wall);
/* To every subscribed client. kind: 1 ended, 2 oom. */
void send_event(uint8_t kind, const char *id, int wait_status, uint64_t oom_kills);
/* True when it is frozen, or gone, or the time is over, and the answer is given. */
bool retry_freeze(uint32_t client, uint32_t stream, const char *id, bool last);

/* In checkpoint_requests.c. */
void request_checkpoint(uint32_t client, uint32_t stream, uint32_t slot, const struct request *request, struct fault *fault);
void request_checkpoints(uint32_t client, uint32_t stream, struct fault *fault);

/* In server.c: remembers an answer that has to wait. deadline in milliseconds, 0: none. */
int server_wait(enum waiting_kind kind, uint32_t client, uint32_t stream, const char *id, int64_t deadline);
void answer_quits(void);
void poll_briefly(void);

#endif
