/* The opening frames about processes. */
#ifndef GUEST_PROCESS_REQUESTS_H
#define GUEST_PROCESS_REQUESTS_H

#include <stdint.h>

#include "../../wire/wire.h"

void process_exec(uint32_t id, struct wire_reader *payload);
void process_list(uint32_t id, struct wire_reader *payload);
void process_attach(uint32_t id, struct wire_reader *payload);
void process_forget(uint32_t id, struct wire_reader *payload);

#endif
