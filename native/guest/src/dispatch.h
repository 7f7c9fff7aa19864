/* From a received frame to its handler: the handshake, stream 0, opening frames, frames of open streams. */
#ifndef GUEST_DISPATCH_H
#define GUEST_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "../../wire/wire.h"

/* A connection begins: HELLO is expected. */
void dispatch_reset(void);
/* Handles one frame; breaches of the protocol go to connection_violation. Returns the window granted by a HELLO, else 0. */
uint32_t dispatch_frame(const struct wire_frame *frame);
/* Whether the handshake was refused with an ERROR of its own. */
bool dispatch_refused(void);

#endif
