/*
 * The wire format shared by tinyvm-guest and tinyvm-spawner: frame header, payload primitives, stream decoder.
 *
 * A pure parser and writer: bytes in, frame or error out. It does no I/O, allocates nothing, and never trusts a length
 * from the wire: every length is compared with what is really there before it is used. All state is in the caller's
 * structures, so any number of connections can be decoded at once. See spec/guest-protocol.md section 1.
 *
 * Errors are negative errno values; a protocol violation is always -EBADMSG.
 */
#ifndef TINYVM_WIRE_H
#define TINYVM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_HEADER_BYTES = 12,
    WIRE_MAX_PAYLOAD_BYTES = 65536,
    WIRE_MAX_FRAME_BYTES = WIRE_HEADER_BYTES + WIRE_MAX_PAYLOAD_BYTES,
    WIRE_MAX_STR_BYTES = 32768,
    WIRE_MAX_LIST_ITEMS = 4096,
};

/* One decoded frame. The payload points into the decoder's buffer and is valid until the decoder is used again. */
struct wire_frame {
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    const uint8_t *payload;
    uint32_t length; /* payload bytes */
};

/* Bytes of a `str`: not terminated by NUL, never contains NUL. Points into the payload. */
struct wire_str {
    const char *bytes;
    uint32_t length;
};

/* ---- header ---- */

/* Decodes 12 header bytes into *frame (payload is left NULL). -EBADMSG: length over the limit, reserved bits set. */
int wire_header_read(const uint8_t header[WIRE_HEADER_BYTES], struct wire_frame *frame);

/* Encodes a header; flags are 0. length must be at most WIRE_MAX_PAYLOAD_BYTES. */
void wire_header_write(uint8_t header[WIRE_HEADER_BYTES], uint8_t type, uint32_t stream, uint32_t length);

/* ---- reading a payload ----
 * The reader's error is sticky: after the first failure every read gives 0 or an empty str. Read all the fields, then
 * ask wire_reader_finish once. */

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    int error; /* 0 or -EBADMSG */
};

void wire_reader_init(struct wire_reader *reader, const uint8_t *payload, size_t length);
uint8_t wire_read_u8(struct wire_reader *reader);
uint16_t wire_read_u16(struct wire_reader *reader);
uint32_t wire_read_u32(struct wire_reader *reader);
uint64_t wire_read_u64(struct wire_reader *reader);
int32_t wire_read_i32(struct wire_reader *reader);
struct wire_str wire_read_str(struct wire_reader *reader);
/* The item count of a list, already checked against WIRE_MAX_LIST_ITEMS and against the bytes that are left. */
uint32_t wire_read_count(struct wire_reader *reader);
/* The rest of the payload; *length gets its size. */
const uint8_t *wire_read_rest(struct wire_reader *reader, size_t *length);
/* 0 when every field was read and nothing is left over, else -EBADMSG. */
int wire_reader_finish(const struct wire_reader *reader);

/* Checks a whole payload against a schema, so that a handler can then read it without a failure path:
 *   1 u8, b u8 that is 0 or 1, 2 u16, 4 u32 or i32, 8 u64, s str, L list<str>, ( … ) list of a structure (not nested),
 *   * bytes (may be empty), + bytes (at least one). "" is an empty payload.
 * Returns 0 or -EBADMSG. */
int wire_check(const char *schema, const uint8_t *payload, size_t length);

/* ---- writing frames ----
 * A writer appends to a caller's buffer. When something does not fit, error becomes -EMSGSIZE and stays; nothing is
 * written beyond the end. Several frames can be written one after another. */

struct wire_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    uint8_t *frame; /* header of the frame being written, NULL between frames */
    int error;
};

void wire_writer_init(struct wire_writer *writer, uint8_t *buffer, size_t capacity);
void wire_frame_begin(struct wire_writer *writer, uint8_t type, uint32_t stream);
/* Completes the header's length. A payload over the limit is -EMSGSIZE. Returns the writer's error; on failure the
 * unfinished frame is taken back, so the buffer holds whole frames only. */
int wire_frame_end(struct wire_writer *writer);
void wire_write_u8(struct wire_writer *writer, uint8_t value);
void wire_write_u16(struct wire_writer *writer, uint16_t value);
void wire_write_u32(struct wire_writer *writer, uint32_t value);
void wire_write_u64(struct wire_writer *writer, uint64_t value);
void wire_write_i32(struct wire_writer *writer, int32_t value);
/* A str of `length` bytes; cut at WIRE_MAX_STR_BYTES and at the first NUL. */
void wire_write_str(struct wire_writer *writer, const char *bytes, size_t length);
/* A NUL-terminated string as a str. */
void wire_write_cstr(struct wire_writer *writer, const char *string);
void wire_write_bytes(struct wire_writer *writer, const void *bytes, size_t length);
/* Room for `count` payload bytes to be filled in place, then taken over with wire_write_advance; NULL when they do not
 * fit. */
uint8_t *wire_write_space(struct wire_writer *writer, size_t count);
void wire_write_advance(struct wire_writer *writer, size_t count);
/* Payload bytes that may still be added to the open frame. */
size_t wire_frame_room(const struct wire_writer *writer);

/* ---- decoding a byte stream ----
 * The caller owns a buffer of at least WIRE_MAX_FRAME_BYTES. Loop: read(2) into wire_decoder_space, tell
 * wire_decoder_filled how much came, then call wire_decoder_next until it returns 0. */

struct wire_decoder {
    uint8_t *buffer;
    size_t capacity;
    size_t start; /* first byte not yet consumed */
    size_t end;   /* one past the last received byte */
};

void wire_decoder_init(struct wire_decoder *decoder, uint8_t *buffer, size_t capacity);
/* Where the next bytes go, and how many fit: at least 1 once wire_decoder_next has returned 0. Invalidates payloads. */
uint8_t *wire_decoder_space(struct wire_decoder *decoder, size_t *room);
void wire_decoder_filled(struct wire_decoder *decoder, size_t count);
/* 1: *frame is the next whole frame. 0: more bytes are needed. -EBADMSG: the stream is broken, close it. */
int wire_decoder_next(struct wire_decoder *decoder, struct wire_frame *frame);
/* Whether no partial frame is held. */
bool wire_decoder_empty(const struct wire_decoder *decoder);

#endif
