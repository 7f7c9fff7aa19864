/* FILE_WATCH. */
#ifndef GUEST_WATCH_H
#define GUEST_WATCH_H

#include <stdint.h>

#include "../../wire/wire.h"

void file_watch(uint32_t id, struct wire_reader *payload);

#endif
