/*
 * The host's connection: buffers, frames in and out, the HELLO handshake. There is at most one; a newer replaces it.
 * Outgoing frames go to a bounded buffer. Incoming frames are handled and streams get their turns only while it has room,
 * so a host that does not read stops being served instead of filling memory.
 */
#ifndef GUEST_CONNECTION_H
#define GUEST_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../wire/wire.h"

/* Takes a connected, non-blocking descriptor and drops the connection there was. 0 or a negative errno (fd closed). */
int connection_adopt(int fd);
/* Called when a connection ends by itself (not when it is replaced). */
void connection_on_close(void (*closed)(void));
void connection_close(void);
bool connection_is_open(void);

/* Begins a frame; fill it and call connection_frame_end. */
struct wire_writer *connection_frame(uint8_t type, uint32_t stream);
void connection_frame_end(void);
/* Bytes that fit into the output buffer. */
size_t connection_room(void);
/* The window HELLO granted us on each new stream. */
uint32_t connection_send_window(void);
/* The host broke the protocol: what is wrong is sent as ERROR on stream 0, then the connection is closed. */
void connection_violation(const char *what);
/* A stream ended: whoever waits for a free stream may go on. */
void connection_stream_ended(void);
/* Whether everything sent so far has left the buffer (true without a connection). */
bool connection_flushed(void);

/* One turn: handles received frames, gives streams their turns, writes. True when there is more to do at once. */
bool connection_service(void);
/* Gives buffer memory back to the kernel. */
void connection_trim(void);

#endif
