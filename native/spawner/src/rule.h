/*
 * The list of rules of a routed interface: what nat.c (first lock) and filter.c (second lock) are built from. Parsed from
 * the wire and validated here; pure, so it is fuzzed with the other requests.
 */
#ifndef SPAWNER_RULE_H
#define SPAWNER_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../wire/wire.h"
#include "sys.h"

enum { MAX_RULES = 1024, MAX_RULE_PORTS = 8 };
enum { RULE_TCP = 1, RULE_UDP = 2 };

struct port_range {
    uint16_t first, last;
};

struct rule {
    bool deny;
    uint8_t family; /* 4 or 6 */
    uint8_t prefix_length;
    uint8_t protocols; /* RULE_TCP | RULE_UDP */
    uint8_t port_count; /* 0: every port */
    uint32_t address;   /* family 4, in host order, without the bits beyond the prefix */
    struct port_range ports[MAX_RULE_PORTS];
};

struct rules {
    uint32_t count;
    struct rule items[MAX_RULES];
};

/* The bits of a prefix of 0 to 32. */
static inline uint32_t prefix_mask(uint8_t length) {
    return length == 0 ? 0 : UINT32_MAX << (32 - length);
}

/* Reads list<rule> to its end. 0, or -EINVAL with *fault; what does not decode is the reader's error. */
int rules_parse(struct wire_reader *reader, struct rules *rules, struct fault *fault);

#endif
