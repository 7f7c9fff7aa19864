/* Every bound of the guest in one place. Protocol-visible ones are written down in spec/guest-protocol.md. */
#ifndef GUEST_LIMITS_H
#define GUEST_LIMITS_H

enum {
    LIMIT_STREAMS = 1024,                  /* open at once on the connection */
    LIMIT_RECEIVE_WINDOW_BYTES = 262144,   /* what WELCOME grants the host on each stream */
    LIMIT_UNACKNOWLEDGED_BYTES = 262144,   /* output kept per process, stdout and stderr together */
    LIMIT_STDIN_BYTES = 8388608,           /* stdin waiting for one process, over re-attaches */
    LIMIT_ENDED_PROCESSES = 256,           /* records kept for ended processes */
    LIMIT_ENDED_OUTPUT_BYTES = 8388608,    /* output kept for all ended processes together */
    LIMIT_RUNNING_PROCESSES = 4096,        /* started by EXEC; the cgroup's pids limit is usually lower */
    LIMIT_TAG_BYTES = 256,
    LIMIT_LISTED_ARGV_BYTES = 4096,        /* argv in PROCESSES is cut to whole arguments within this */
    LIMIT_ACCOUNT_FILE_BYTES = 1048576,    /* /etc/passwd and /etc/group beyond this are not read */
    LIMIT_ATTRIBUTE_BYTES = 4096,          /* of one extended attribute's value */
    LIMIT_ATTRIBUTES = 256,                /* of one file in one answer, and their names and values together: */
    LIMIT_ATTRIBUTES_BYTES = 16384,
    LIMIT_REMOVE_DEPTH = 1024,             /* directory levels of a recursive remove: one descriptor each */
    LIMIT_WALK_DEPTH = 256,                /* directory levels of a recursive list or watch */
    LIMIT_WATCHED_DIRECTORIES = 65536,     /* of one recursive watch */
    LIMIT_DATAGRAM_BYTES = 4096,           /* of one datagram; a larger one is lost */

    DATA_FRAME_BYTES = 32768,              /* most bytes sent in one STDOUT, STDERR or DATA frame */
    IN_BUFFER_BYTES = 131072,
    OUT_BUFFER_BYTES = 163840,
    HANDLER_ROOM_BYTES = 24576,            /* the most one incoming frame is answered with at once */
    PUMP_ROOM_BYTES = 65536,               /* the most one turn of a stream may send */

    READ_PER_WAKE_BYTES = 65536,           /* of one pipe or socket */
    FRAMES_PER_TURN = 64,                  /* incoming frames handled before other sources get their turn */
    DATAGRAMS_PER_TURN = 15,               /* of one port in one stream turn: they fit PUMP_ROOM_BYTES */
    PUMPS_PER_TURN = 32,                   /* stream turns before other sources get their turn */
    FILES_PER_TURN = 64,                   /* directory entries of a recursive operation in one stream turn */

    DRAIN_MICROS = 100000,                 /* silence after which a leftover child's pipe is given up */
    TRIM_DELAY_MICROS = 1000000,           /* after activity, before unused memory is given back */
    EXIT_FLUSH_MICROS = 1000000,           /* for the last frames of a shutdown to leave */
    SIGNALLED_GRACE_MILLIS = 10000,        /* of a shutdown asked for by SIGTERM to PID 1 */
    SUSPEND_MAX_MILLIS = 600000,
    WAKE_POLL_MICROS = 5000,               /* while suspended: nothing inside sees when the host makes the file */
    REOPEN_MICROS = 1000000,               /* before a port that cannot be opened is tried again */
};

#endif
