/* Short texts for messages: see text.h. */
#include "text.h"

#include <errno.h>
#include <string.h>

#include "libc.h"

void text_start(struct text *text, const char *string) {
    text->length = 0;
    text->bytes[0] = '\0';
    text_add(text, string);
}

void text_add(struct text *text, const char *string) {
    text_add_bytes(text, string, strlen(string));
}

void text_add_bytes(struct text *text, const char *bytes, size_t length) {
    size_t room = TEXT_BYTES - 1 - text->length;
    if (length > room)
        length = room;
    if (length > 0)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_add_number(struct text *text, int64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0U - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        text_add(text, "-");
    text_add_bytes(text, digits + at, sizeof digits - at);
}

void text_add_errno(struct text *text, int error) {
    const char *words = strerrordesc_np(error);
    text_add(text, ": ");
    text_add(text, words == NULL ? "unknown error" : words);
}

int text_parse_u32(const char *bytes, size_t length, uint32_t *number) {
    if (length == 0 || length > 10)
        return -EINVAL;
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return -EINVAL;
        value = value * 10 + (uint64_t)(bytes[i] - '0');
    }
    if (value > UINT32_MAX)
        return -EINVAL;
    *number = (uint32_t)value;
    return 0;
}
