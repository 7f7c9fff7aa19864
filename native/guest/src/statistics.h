/* STATS. */
#ifndef GUEST_STATISTICS_H
#define GUEST_STATISTICS_H

#include <stdint.h>

#include "../../wire/wire.h"

/* Notes the start of the guest. */
void statistics_init(void);
void statistics_answer(uint32_t id, struct wire_reader *payload);

#endif
