/*
 * SUSPEND: the guest lets go of everything that leads out of the machine (the host's connection and the listening socket),
 * so that the machine can be written to disk, and comes back when it is told to: by a file named "wake" beside the socket,
 * which the host makes in the machine that went on, or in each of those that were made of what was written. Without a word
 * for the time that SUSPEND gives it comes back by itself, so that no machine is lost to a host that died meanwhile.
 *
 * Only a guest that binds a socket by its path can do that (--listen-path: gVisor).
 */
#ifndef GUEST_SUSPEND_H
#define GUEST_SUSPEND_H

#include <stdbool.h>
#include <stdint.h>

#include "../../wire/wire.h"

void suspend_request(uint32_t id, struct wire_reader *payload);
/* To be asked after each turn: lets go once the answer has left. True: another turn is needed. */
bool suspend_check(void);

#endif
