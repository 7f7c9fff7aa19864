/* Short texts for messages, built without stdio: bounded, always terminated, cut when too long. */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_BYTES = 1024 };

struct text {
    char bytes[TEXT_BYTES];
    size_t length;
};

void text_start(struct text *text, const char *string);
void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t length);
void text_add_number(struct text *text, int64_t number);
/* ": " and the kernel's words for a positive errno. */
void text_add_errno(struct text *text, int error);

/* Reads a decimal number of at most 10 digits filling all `length` bytes. 0 or -EINVAL. */
int text_parse_u32(const char *bytes, size_t length, uint32_t *number);

#endif
