/* SHUTDOWN: the orderly end of the Tiny VM. */
#ifndef GUEST_SHUTDOWN_H
#define GUEST_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "../../wire/wire.h"

void shutdown_request(uint32_t id, struct wire_reader *payload);
/* As SHUTDOWN, without a stream to answer on. */
void shutdown_begin(uint32_t grace_millis);
bool shutdown_in_progress(void);
/* Children were reaped; `any_left` tells whether some remain. */
void shutdown_reaped(bool any_left);
/* To be asked after each turn: answers the request and stops the loop when it is time. True: another turn is needed. */
bool shutdown_check(void);

#endif
