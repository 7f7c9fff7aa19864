/* The wire format: see wire.h. Pure: no I/O, no allocation, no globals. */
#include "wire.h"

#include <errno.h>
#include <string.h>

static uint16_t load_u16(const uint8_t *p) {
    return (uint16_t)((uint16_t)(p[0] << 8) | p[1]);
}

static uint32_t load_u32(const uint8_t *p) {
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static uint64_t load_u64(const uint8_t *p) {
    return ((uint64_t)load_u32(p) << 32) | load_u32(p + 4);
}

static void store_u16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void store_u32(uint8_t *p, uint32_t v) {
    store_u16(p, (uint16_t)(v >> 16));
    store_u16(p + 2, (uint16_t)v);
}

static void store_u64(uint8_t *p, uint64_t v) {
    store_u32(p, (uint32_t)(v >> 32));
    store_u32(p + 4, (uint32_t)v);
}

int wire_header_read(const uint8_t header[WIRE_HEADER_BYTES], struct wire_frame *frame) {
    uint32_t length = load_u32(header);
    if (length > WIRE_MAX_PAYLOAD_BYTES || load_u16(header + 6) != 0)
        return -EBADMSG;
    frame->length = length;
    frame->type = header[4];
    frame->flags = header[5];
    frame->stream = load_u32(header + 8);
    frame->payload = NULL;
    return 0;
}

void wire_header_write(uint8_t header[WIRE_HEADER_BYTES], uint8_t type, uint32_t stream, uint32_t length) {
    store_u32(header, length);
    header[4] = type;
    header[5] = 0;
    store_u16(header + 6, 0);
    store_u32(header + 8, stream);
}

/* ---- reader ---- */

void wire_reader_init(struct wire_reader *reader, const uint8_t *payload, size_t length) {
    reader->at = payload;
    reader->end = length == 0 ? payload : payload + length;
    reader->error = 0;
}

/* The next `count` bytes, or NULL (and the sticky error) when fewer are left. */
static const uint8_t *take(struct wire_reader *reader, size_t count) {
    if (reader->error != 0 || (size_t)(reader->end - reader->at) < count) {
        reader->error = -EBADMSG;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += count;
    return at;
}

uint8_t wire_read_u8(struct wire_reader *reader) {
    const uint8_t *p = take(reader, 1);
    return p == NULL ? 0 : p[0];
}

uint16_t wire_read_u16(struct wire_reader *reader) {
    const uint8_t *p = take(reader, 2);
    return p == NULL ? 0 : load_u16(p);
}

uint32_t wire_read_u32(struct wire_reader *reader) {
    const uint8_t *p = take(reader, 4);
    return p == NULL ? 0 : load_u32(p);
}

uint64_t wire_read_u64(struct wire_reader *reader) {
    const uint8_t *p = take(reader, 8);
    return p == NULL ? 0 : load_u64(p);
}

int32_t wire_read_i32(struct wire_reader *reader) {
    uint32_t raw = wire_read_u32(reader);
    int32_t value;
    memcpy(&value, &raw, sizeof value);
    return value;
}

struct wire_str wire_read_str(struct wire_reader *reader) {
    struct wire_str empty = {"", 0};
    uint32_t length = wire_read_u32(reader);
    if (reader->error != 0 || length == 0)
        return empty;
    if (length > WIRE_MAX_STR_BYTES) {
        reader->error = -EBADMSG;
        return empty;
    }
    const uint8_t *p = take(reader, length);
    if (p == NULL || memchr(p, 0, length) != NULL) {
        reader->error = -EBADMSG;
        return empty;
    }
    return (struct wire_str){(const char *)p, length};
}

uint32_t wire_read_count(struct wire_reader *reader) {
    uint32_t count = wire_read_u32(reader);
    /* The smallest item any list has is one byte, so a count beyond the bytes left is a lie. */
    if (reader->error != 0 || count > WIRE_MAX_LIST_ITEMS || count > (size_t)(reader->end - reader->at)) {
        reader->error = -EBADMSG;
        return 0;
    }
    return count;
}

const uint8_t *wire_read_rest(struct wire_reader *reader, size_t *length) {
    if (reader->error != 0) {
        *length = 0;
        return reader->end;
    }
    const uint8_t *at = reader->at;
    *length = (size_t)(reader->end - at);
    reader->at = reader->end;
    return at;
}

int wire_reader_finish(const struct wire_reader *reader) {
    return reader->error != 0 || reader->at != reader->end ? -EBADMSG : 0;
}

/* Checks fields until the end of the schema or a ')'. Returns where it stopped. */
static const char *check_fields(const char *field, struct wire_reader *reader) {
    size_t rest = 0;
    for (; *field != '\0' && *field != ')' && reader->error == 0; field++) {
        switch (*field) {
        case '1': wire_read_u8(reader); break;
        case 'b':
            if (wire_read_u8(reader) > 1)
                reader->error = -EBADMSG;
            break;
        case '2': wire_read_u16(reader); break;
        case '4': wire_read_u32(reader); break;
        case '8': wire_read_u64(reader); break;
        case 's': wire_read_str(reader); break;
        case 'L':
            for (uint32_t left = wire_read_count(reader); left > 0 && reader->error == 0; left--)
                wire_read_str(reader);
            break;
        case '*':
        case '+':
            wire_read_rest(reader, &rest);
            if (rest == 0 && *field == '+')
                reader->error = -EBADMSG;
            break;
        default: reader->error = -EBADMSG; break;
        }
    }
    return field;
}

int wire_check(const char *schema, const uint8_t *payload, size_t length) {
    struct wire_reader reader;
    wire_reader_init(&reader, payload, length);
    const char *list = strchr(schema, '(');
    if (list == NULL) {
        check_fields(schema, &reader);
        return wire_reader_finish(&reader);
    }
    char before[16];
    size_t prefix = (size_t)(list - schema);
    if (prefix >= sizeof before)
        return -EBADMSG;
    memcpy(before, schema, prefix);
    before[prefix] = '\0';
    check_fields(before, &reader);
    const char *after = list;
    for (uint32_t left = wire_read_count(&reader); left > 0 && reader.error == 0; left--)
        after = check_fields(list + 1, &reader);
    if (after == list)
        after = strchr(list, ')');
    if (reader.error == 0 && (after == NULL || *after != ')'))
        return -EBADMSG;
    if (reader.error == 0)
        check_fields(after + 1, &reader);
    return wire_reader_finish(&reader);
}

/* ---- writer ---- */

void wire_writer_init(struct wire_writer *writer, uint8_t *buffer, size_t capacity) {
    writer->start = buffer;
    writer->at = buffer;
    writer->end = buffer + capacity;
    writer->frame = NULL;
    writer->error = 0;
}

static uint8_t *put(struct wire_writer *writer, size_t count) {
    if (writer->error != 0 || (size_t)(writer->end - writer->at) < count) {
        writer->error = -EMSGSIZE;
        return NULL;
    }
    uint8_t *at = writer->at;
    writer->at += count;
    return at;
}

void wire_frame_begin(struct wire_writer *writer, uint8_t type, uint32_t stream) {
    uint8_t *header = put(writer, WIRE_HEADER_BYTES);
    if (header == NULL)
        return;
    writer->frame = header;
    wire_header_write(header, type, stream, 0);
}

int wire_frame_end(struct wire_writer *writer) {
    if (writer->frame == NULL)
        return writer->error != 0 ? writer->error : -EINVAL;
    size_t length = (size_t)(writer->at - writer->frame) - WIRE_HEADER_BYTES;
    if (length > WIRE_MAX_PAYLOAD_BYTES)
        writer->error = -EMSGSIZE;
    if (writer->error != 0)
        writer->at = writer->frame;
    else
        store_u32(writer->frame, (uint32_t)length);
    writer->frame = NULL;
    return writer->error;
}

void wire_write_u8(struct wire_writer *writer, uint8_t value) {
    uint8_t *p = put(writer, 1);
    if (p != NULL)
        p[0] = value;
}

void wire_write_u16(struct wire_writer *writer, uint16_t value) {
    uint8_t *p = put(writer, 2);
    if (p != NULL)
        store_u16(p, value);
}

void wire_write_u32(struct wire_writer *writer, uint32_t value) {
    uint8_t *p = put(writer, 4);
    if (p != NULL)
        store_u32(p, value);
}

void wire_write_u64(struct wire_writer *writer, uint64_t value) {
    uint8_t *p = put(writer, 8);
    if (p != NULL)
        store_u64(p, value);
}

void wire_write_i32(struct wire_writer *writer, int32_t value) {
    uint32_t raw;
    memcpy(&raw, &value, sizeof raw);
    wire_write_u32(writer, raw);
}

void wire_write_str(struct wire_writer *writer, const char *bytes, size_t length) {
    const char *nul = length == 0 ? NULL : memchr(bytes, 0, length);
    if (nul != NULL)
        length = (size_t)(nul - bytes);
    if (length > WIRE_MAX_STR_BYTES)
        length = WIRE_MAX_STR_BYTES;
    wire_write_u32(writer, (uint32_t)length);
    wire_write_bytes(writer, bytes, length);
}

void wire_write_cstr(struct wire_writer *writer, const char *string) {
    wire_write_str(writer, string, strlen(string));
}

void wire_write_bytes(struct wire_writer *writer, const void *bytes, size_t length) {
    uint8_t *p = put(writer, length);
    if (p != NULL && length > 0)
        memcpy(p, bytes, length);
}

uint8_t *wire_write_space(struct wire_writer *writer, size_t count) {
    return writer->error != 0 || (size_t)(writer->end - writer->at) < count ? NULL : writer->at;
}

void wire_write_advance(struct wire_writer *writer, size_t count) {
    (void)put(writer, count);
}

size_t wire_frame_room(const struct wire_writer *writer) {
    if (writer->error != 0 || writer->frame == NULL)
        return 0;
    size_t used = (size_t)(writer->at - writer->frame) - WIRE_HEADER_BYTES;
    size_t room = (size_t)(writer->end - writer->at);
    size_t left = used > WIRE_MAX_PAYLOAD_BYTES ? 0 : WIRE_MAX_PAYLOAD_BYTES - used;
    return room < left ? room : left;
}

/* ---- decoder ---- */

void wire_decoder_init(struct wire_decoder *decoder, uint8_t *buffer, size_t capacity) {
    decoder->buffer = buffer;
    decoder->capacity = capacity;
    decoder->start = 0;
    decoder->end = 0;
}

uint8_t *wire_decoder_space(struct wire_decoder *decoder, size_t *room) {
    /* Moving the (partial) rest to the front keeps the buffer linear; it happens once per read, not per frame. */
    if (decoder->start > 0) {
        size_t held = decoder->end - decoder->start;
        if (held > 0)
            memmove(decoder->buffer, decoder->buffer + decoder->start, held);
        decoder->start = 0;
        decoder->end = held;
    }
    *room = decoder->capacity - decoder->end;
    return decoder->buffer + decoder->end;
}

void wire_decoder_filled(struct wire_decoder *decoder, size_t count) {
    size_t room = decoder->capacity - decoder->end;
    decoder->end += count < room ? count : room;
}

int wire_decoder_next(struct wire_decoder *decoder, struct wire_frame *frame) {
    size_t held = decoder->end - decoder->start;
    if (held < WIRE_HEADER_BYTES)
        return 0;
    struct wire_frame next;
    int error = wire_header_read(decoder->buffer + decoder->start, &next);
    if (error != 0)
        return error;
    if (held - WIRE_HEADER_BYTES < next.length)
        return 0;
    next.payload = decoder->buffer + decoder->start + WIRE_HEADER_BYTES;
    decoder->start += WIRE_HEADER_BYTES + next.length;
    *frame = next;
    return 1;
}

bool wire_decoder_empty(const struct wire_decoder *decoder) {
    return decoder->start == decoder->end;
}
