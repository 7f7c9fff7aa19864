/*
 * The requests of spec/spawner-protocol.md, parsed and validated. Pure: bytes in, a request or an error out; no I/O, no
 * allocation, so it can be fuzzed as it is. Strings are copied into fixed buffers and end with NUL.
 */
#ifndef SPAWNER_REQUEST_H
#define SPAWNER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "../../wire/wire.h"
#include "rule.h"
#include "runtime.h"
#include "sys.h"

enum request_type {
    REQUEST_PING = 0x01,
    REQUEST_CREATE = 0x02,
    REQUEST_DESTROY = 0x03,
    REQUEST_KILL = 0x04,
    REQUEST_FREEZE = 0x05,
    REQUEST_THAW = 0x06,
    REQUEST_RESIZE = 0x07,
    REQUEST_STATS = 0x08,
    REQUEST_LIST = 0x09,
    REQUEST_SUBSCRIBE = 0x0a,
    REQUEST_QUIT = 0x0b,
    REQUEST_USAGE = 0x0c,
    REQUEST_VOLUME_MAKE = 0x10,
    REQUEST_VOLUME_REMOVE = 0x11,
    REQUEST_VOLUME_USED = 0x12,
    REQUEST_ATTACH = 0x13,
    REQUEST_DETACH = 0x14,
    REQUEST_NETWORK_ATTACH = 0x15,
    REQUEST_NETWORK_DETACH = 0x16,
    REQUEST_NETWORK_RULES = 0x17,
    REQUEST_NETWORK_STATS = 0x18,
    REQUEST_CREATE_UNDER = 0x20, /* CREATE by an OCI runtime */
    REQUEST_CHECKPOINT = 0x21,
    REQUEST_RESTORE_UNDER = 0x22, /* CREATE_UNDER from a checkpoint */
    REQUEST_CHECKPOINT_REMOVE = 0x23,
    REQUEST_CHECKPOINT_LIST = 0x24,
};

enum answer_type { ANSWER_OK = 0x40, ANSWER_ERROR = 0x41, ANSWER_EVENT = 0x42 };

enum {
    ID_BYTES = 64,     /* 63 characters and NUL */
    IMAGE_BYTES = 129, /* 128 characters and NUL */
    HOSTNAME_BYTES = 65,
    ACCOUNT_MAX = 32,  /* characters of a user or a group */
    USER_BYTES = 66,   /* both, a colon and NUL */
    MAX_MOUNTS = 32,
    MOUNT_PATH_BYTES = 1024, /* with NUL; 32 of them fit a frame */
};

#define CPU_MILLIS_MIN 100U
#define CPU_MILLIS_MAX 1024000U
#define CPU_MILLIS_STEP 100U
#define MEMORY_BYTES_MIN (4ULL << 20)
#define MEMORY_BYTES_MAX (1ULL << 50)
#define DISK_BYTES_MIN (1ULL << 20)
#define DISK_BYTES_MAX (1ULL << 50)
#define PIDS_MAX 32768U

struct limits {
    uint32_t cpu_millis;
    uint64_t memory_bytes;
    uint32_t pids;
};

struct mount_request {
    char source[MOUNT_PATH_BYTES]; /* a host directory, or the name of a volume */
    char target[MOUNT_PATH_BYTES];
    bool read_only;
};

struct request {
    uint8_t type;
    char id[ID_BYTES];
    struct limits limits; /* CREATE, RESIZE */
    /* CREATE and CREATE_UNDER only */
    enum runtime runtime;
    char image[IMAGE_BYTES];
    uint64_t disk_bytes; /* CREATE, VOLUME_MAKE; CHECKPOINT: the most its image may take */
    bool force;          /* DETACH */
    char hostname[HOSTNAME_BYTES];
    char user[USER_BYTES];
    bool read_only_root;
    bool merge_memory; /* PR_SET_MEMORY_MERGE for all inside */
    char checkpoint[ID_BYTES]; /* CHECKPOINT…, RESTORE_UNDER; else empty */
    uint32_t mount_count; /* 1 for ATTACH and DETACH, which has no source */
    struct mount_request mounts[MAX_MOUNTS];
    struct rules rules; /* NETWORK_ATTACH, NETWORK_RULES */
};

/* -EBADMSG: the frame is malformed, the connection has to be closed. Any other negative errno: the values are refused,
 * *fault says which and why. 0: *request is filled and within all bounds. */
int request_parse(const struct wire_frame *frame, struct request *request, struct fault *fault);

#endif
