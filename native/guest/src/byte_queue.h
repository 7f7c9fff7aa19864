/*
 * A queue of bytes in a circular buffer that is allocated at the first byte, grows by powers of two, and gives its memory
 * back when asked to trim. Each byte has an offset: the number of bytes that were ever queued before it.
 */
#ifndef GUEST_BYTE_QUEUE_H
#define GUEST_BYTE_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct byte_queue {
    uint8_t *bytes;
    size_t capacity; /* 0 or a power of two */
    size_t head;
    size_t length;
    uint64_t offset; /* of the first byte held */
};

/* Free space of at least `wanted` bytes as one or two pieces; growing the buffer if need be. Returns the number of pieces,
 * or -ENOMEM. */
int byte_queue_space(struct byte_queue *queue, size_t wanted, struct iovec pieces[2]);
/* `count` bytes were put into the space. */
void byte_queue_commit(struct byte_queue *queue, size_t count);
/* Copies bytes to the end. 0 or -ENOMEM. */
int byte_queue_append(struct byte_queue *queue, const void *bytes, size_t count);
/* Up to `most` held bytes after the first `skip`, as pieces. Returns the number of pieces. */
int byte_queue_peek(const struct byte_queue *queue, size_t skip, size_t most, struct iovec pieces[2]);
void byte_queue_drop(struct byte_queue *queue, size_t count);
/* Frees the buffer when empty, else shrinks it to what is held. */
void byte_queue_trim(struct byte_queue *queue);
/* Drops everything; offset moves to the end. */
void byte_queue_clear(struct byte_queue *queue);

#endif
