/*
 * Blocks of uids, one per running spawner of this machine: /run/tinyvm/uids/<block> is locked while the spawner or its
 * supervisor lives and names the run directory, so that the same run directory gets its block back after a crash.
 * Block b covers the uids b << 28 and up: 4,096 slots of 65,536.
 */
#ifndef SPAWNER_CLAIM_H
#define SPAWNER_CLAIM_H

#include "sys.h"

enum { CLAIM_BLOCKS = 14, SLOTS = 4096, SLOT_UIDS = 65536 };

struct claim {
    uint32_t block; /* 1 to 14 */
    int fd;         /* keeps the lock */
    int dir;        /* of the claim files, to remove this one in the end */
};

int claim_take(const char *run, struct claim *claim, struct fault *fault);
/* Gives the block back; call when no process uses its uids any more. */
void claim_release(struct claim *claim);

static inline uid_t claim_uid(uint32_t block, uint32_t slot) {
    return (uid_t)((block << 28) + slot * (uint32_t)SLOT_UIDS);
}

#endif
