/* Forwarding: connections into and out of the Tiny VM's own loopback, and datagrams out of it. */
#ifndef GUEST_FORWARD_H
#define GUEST_FORWARD_H

#include <stdint.h>

#include "../../wire/wire.h"

void forward_dial(uint32_t id, struct wire_reader *payload);
void forward_listen(uint32_t id, struct wire_reader *payload);
void forward_datagrams(uint32_t id, struct wire_reader *payload);

#endif
