/* A growing circular byte queue: see byte_queue.h. */
#include "byte_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_BYTES = 4096 };

/* Splits `count` bytes from `start` (which may be past the end) at the end of the buffer. */
static int split(const struct byte_queue *queue, size_t start, size_t count, struct iovec pieces[2]) {
    if (count == 0)
        return 0;
    start &= queue->capacity - 1;
    size_t first = queue->capacity - start;
    if (first >= count) {
        pieces[0] = (struct iovec){queue->bytes + start, count};
        return 1;
    }
    pieces[0] = (struct iovec){queue->bytes + start, first};
    pieces[1] = (struct iovec){queue->bytes, count - first};
    return 2;
}

static int resize(struct byte_queue *queue, size_t capacity) {
    uint8_t *bytes = malloc(capacity);
    if (bytes == NULL)
        return -ENOMEM;
    struct iovec pieces[2];
    int count = byte_queue_peek(queue, 0, queue->length, pieces);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        memcpy(bytes + at, pieces[i].iov_base, pieces[i].iov_len);
        at += pieces[i].iov_len;
    }
    free(queue->bytes);
    queue->bytes = bytes;
    queue->capacity = capacity;
    queue->head = 0;
    return 0;
}

int byte_queue_space(struct byte_queue *queue, size_t wanted, struct iovec pieces[2]) {
    if (queue->capacity - queue->length < wanted) {
        size_t capacity = queue->capacity == 0 ? SMALLEST_BYTES : queue->capacity;
        while (capacity - queue->length < wanted) {
            if (capacity > SIZE_MAX / 4)
                return -ENOMEM;
            capacity *= 2;
        }
        int error = resize(queue, capacity);
        if (error != 0)
            return error;
    }
    return split(queue, queue->head + queue->length, queue->capacity - queue->length, pieces);
}

void byte_queue_commit(struct byte_queue *queue, size_t count) {
    queue->length += count;
}

int byte_queue_append(struct byte_queue *queue, const void *bytes, size_t count) {
    struct iovec pieces[2];
    if (count == 0)
        return 0;
    int number = byte_queue_space(queue, count, pieces);
    if (number < 0)
        return number;
    size_t first = pieces[0].iov_len < count ? pieces[0].iov_len : count;
    memcpy(pieces[0].iov_base, bytes, first);
    if (count > first)
        memcpy(pieces[1].iov_base, (const uint8_t *)bytes + first, count - first);
    byte_queue_commit(queue, count);
    return 0;
}

int byte_queue_peek(const struct byte_queue *queue, size_t skip, size_t most, struct iovec pieces[2]) {
    if (skip >= queue->length)
        return 0;
    size_t left = queue->length - skip;
    return split(queue, queue->head + skip, left < most ? left : most, pieces);
}

void byte_queue_drop(struct byte_queue *queue, size_t count) {
    if (count > queue->length)
        count = queue->length;
    queue->length -= count;
    queue->offset += count;
    queue->head = queue->length == 0 ? 0 : (queue->head + count) & (queue->capacity - 1);
}

void byte_queue_trim(struct byte_queue *queue) {
    if (queue->length == 0) {
        free(queue->bytes);
        queue->bytes = NULL;
        queue->capacity = 0;
        queue->head = 0;
        return;
    }
    size_t capacity = SMALLEST_BYTES;
    while (capacity < queue->length)
        capacity *= 2;
    if (capacity < queue->capacity)
        (void)resize(queue, capacity); /* without memory for the smaller one, the larger one stays */
}

void byte_queue_clear(struct byte_queue *queue) {
    byte_queue_drop(queue, queue->length);
    byte_queue_trim(queue);
}
