/*
 * One forwarded TCP connection and its stream: DATA both ways, END for each direction's end, DONE when both have ended.
 * Used for DIAL (connecting first) and INBOUND (waiting for the host's DIALED first).
 */
#ifndef GUEST_RELAY_H
#define GUEST_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "byte_queue.h"
#include "loop.h"
#include "stream.h"

enum relay_state { RELAY_CONNECTING, RELAY_AWAITING_HOST, RELAY_OPEN };

struct relay {
    struct stream stream;
    struct source source;
    struct byte_queue waiting; /* from the host, for the socket */
    enum relay_state state;
    bool second_try;     /* connecting to ::1 after 127.0.0.1 failed */
    bool announce;       /* DIALED or INBOUND is to be sent */
    bool host_ended;     /* END came */
    bool write_closed;   /* and everything before it is written */
    bool socket_ended;   /* the socket is at end of file and END was sent */
    int first_error;     /* of 127.0.0.1, positive */
    int error;           /* positive: the connection failed */
    uint16_t port;
    uint32_t listen_stream;
};

/* Opens the stream; the socket may come later. 0 or negative errno (relay not freed). */
int relay_open(struct relay *relay, uint32_t id, enum relay_state state);
/* For connecting relays: the socket became writable or failed (forward_dial.c). */
void relay_connect_ready(struct relay *relay);

#endif
