/*
 * The message types of the guest protocol and the shape of each payload: the one table that parser, dispatcher, fuzzer
 * and corpus share. Pure data. See spec/guest-protocol.md section 3.
 */
#ifndef GUEST_MESSAGES_H
#define GUEST_MESSAGES_H

#include "../../wire/wire.h"

enum message_type {
    HELLO = 0x01, WELCOME, ERROR, PING, PONG, WINDOW, CANCEL, DONE, DATA, END,
    EXEC = 0x10, STARTED, STDOUT, STDERR, STDIN, CLOSE_STDIN, SIGNAL, RESIZE, EXITED, LIST, PROCESSES, ATTACH, ACK, FORGET,
    FILE_STAT = 0x30, STAT, FILE_LIST, ENTRIES, FILE_MKDIR, FILE_RENAME, FILE_REMOVE, FILE_READ, FILE_WRITE, FILE_WATCH,
    WATCHING, WATCH_EVENT, FILE_CHMOD, FILE_CHOWN, FILE_SYMLINK,
    DIAL = 0x40, DIALED, LISTEN, INBOUND, DATAGRAMS, DATAGRAM,
    FILE_XATTRS = 0x48, XATTRS, FILE_SET_XATTR, FILE_REMOVE_XATTR,
    STATS = 0x50, STATISTICS, IDENTIFY,
    SUSPEND = 0x53,
    SHUTDOWN = 0x60,
};

enum message_direction { FROM_HOST = 1, FROM_GUEST = 2, BOTH_WAYS = 3 };

/* What a frame's stream field must be. */
enum message_scope {
    ON_CONNECTION, /* stream 0 */
    OPENS,         /* a new stream of the host (INBOUND: of the guest) */
    ON_STREAM,     /* an open stream */
    ON_ANY,        /* ERROR: stream 0 or an open one */
};

struct message {
    const char *name;
    const char *schema; /* see wire_check */
    uint8_t type;
    uint8_t direction;
    uint8_t scope;
};

/* The message of a type, or NULL when the protocol has none. */
const struct message *message_find(uint8_t type);

/* Checks everything about a frame that needs no connection state: known type, no flags, allowed direction, scope of the
 * stream number, payload shape. 0 or -EBADMSG. */
int message_check(const struct wire_frame *frame, enum message_direction direction);

/* exec flags */
enum { EXEC_PTY = 1, EXEC_STDIN = 2, EXEC_MERGE = 4, EXEC_FLAGS = 7 };
/* write flags */
enum { WRITE_PARENTS = 1, WRITE_APPEND = 2, WRITE_EXCLUSIVE = 4, WRITE_ATOMIC = 8, WRITE_FLAGS = 15 };
/* watch events */
enum { WATCH_CREATE = 1, WATCH_WRITE, WATCH_REMOVE, WATCH_RENAME, WATCH_CHMOD, WATCH_OVERFLOW };

enum { PROTOCOL_VERSION = 1 };
#define FIRST_GUEST_STREAM 0x80000000U

#endif
