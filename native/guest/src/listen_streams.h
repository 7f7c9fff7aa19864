/* Listening ports and the streams that own them. */
#ifndef GUEST_LISTEN_STREAMS_H
#define GUEST_LISTEN_STREAMS_H

/* Streams became free: listeners that waited for one accept again. */
void listen_streams_retry(void);

#endif
