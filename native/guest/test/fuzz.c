/*
 * Fuzzing of everything that reads bytes from outside without doing anything: the frame decoder, the message table, the
 * EXEC reader, the passwd and group reader.
 *
 * Properties held for every input: no sanitizer finding; the same events however the input is split; what is accepted
 * encodes to the same bytes again.
 *
 * As a program: fuzz CORPUS_DIRECTORY ITERATIONS [SEED]. Replays each corpus file, split at every byte, then mutations of
 * them; the same seed gives the same inputs. With clang: -DFUZZ_LIBFUZZER -fsanitize=fuzzer,address,undefined.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/command.h"
#include "../src/messages.h"
#include "../src/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                 \
        }                                                                            \
    } while (0)

/* ---- decoding, summed up in a number ---- */

static uint64_t mix(uint64_t digest, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < count; i++)
        digest = (digest ^ p[i]) * 1099511628211U;
    return digest;
}

static void check_encoding(const struct wire_frame *frame) {
    static uint8_t copy[WIRE_MAX_FRAME_BYTES];
    struct wire_writer writer;
    struct wire_frame again;
    wire_writer_init(&writer, copy, sizeof copy);
    wire_frame_begin(&writer, frame->type, frame->stream);
    wire_write_bytes(&writer, frame->payload, frame->length);
    CHECK(wire_frame_end(&writer) == 0);
    CHECK(wire_header_read(copy, &again) == 0);
    CHECK(again.type == frame->type && again.stream == frame->stream && again.length == frame->length);
    CHECK(frame->length == 0 || memcmp(copy + WIRE_HEADER_BYTES, frame->payload, frame->length) == 0);
}

static void check_command(const struct wire_frame *frame) {
    static struct command command;
    struct wire_reader reader;
    struct text why;
    wire_reader_init(&reader, frame->payload, frame->length);
    int error = command_read(&reader, &command, &why);
    CHECK(error <= 0);
    if (error == 0) {
        CHECK(wire_reader_finish(&reader) == 0 && command.argv[0] != NULL && command.path != NULL);
        for (char **word = command.environment; *word != NULL; word++)
            CHECK(strchr(*word, '=') != NULL);
    }
    command_free(&command);
}

static uint64_t note(uint64_t digest, const struct wire_frame *frame) {
    int verdict = message_check(frame, FROM_HOST);
    int other = message_check(frame, FROM_GUEST);
    digest = mix(digest, &verdict, sizeof verdict);
    digest = mix(digest, &other, sizeof other);
    digest = mix(digest, &frame->type, sizeof frame->type);
    digest = mix(digest, &frame->flags, sizeof frame->flags);
    digest = mix(digest, &frame->stream, sizeof frame->stream);
    digest = mix(digest, frame->payload, frame->length);
    return digest;
}

/* Feeds the input in pieces, whose sizes `pieces` gives in turn. *accepted counts well-formed messages. */
static uint64_t decode(const uint8_t *data, size_t size, const size_t *pieces, size_t piece_count, bool deep, unsigned *accepted) {
    static uint8_t buffer[WIRE_MAX_FRAME_BYTES];
    struct wire_decoder decoder;
    uint64_t digest = 14695981039346656037U;
    wire_decoder_init(&decoder, buffer, sizeof buffer);
    size_t at = 0;
    for (size_t turn = 0; at < size; turn++) {
        size_t room = 0;
        uint8_t *space = wire_decoder_space(&decoder, &room);
        CHECK(room > 0);
        size_t count = pieces[turn % piece_count];
        count = count > size - at ? size - at : count;
        count = count > room ? room : count;
        memcpy(space, data + at, count);
        wire_decoder_filled(&decoder, count);
        at += count;
        struct wire_frame frame;
        int got;
        while ((got = wire_decoder_next(&decoder, &frame)) == 1) {
            digest = note(digest, &frame);
            if (!deep)
                continue;
            bool good = message_check(&frame, FROM_HOST) == 0 || message_check(&frame, FROM_GUEST) == 0;
            *accepted += good ? 1 : 0;
            check_encoding(&frame);
            if (good && frame.type == EXEC)
                check_command(&frame);
        }
        if (got < 0)
            return mix(digest, &got, sizeof got);
    }
    return digest;
}

/* ---- account files ---- */

static void check_accounts(const uint8_t *data, size_t size) {
    static const char *const words[] = {"root", "user", "1000", "user:users", "0:0", ":", "a:b", "4294967295", ""};
    struct accounts accounts = {.loaded = 1};
    struct user user;
    char name[16];
    char *copy = malloc(size + 1);
    CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    accounts.passwd = copy;
    accounts.passwd_length = size / 2;
    accounts.group = copy + size / 2;
    accounts.group_length = size - size / 2;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct wire_str word = {words[i], (uint32_t)strlen(words[i])};
        if (accounts_find(&accounts, word, &user) == 0) {
            CHECK(user.home[0] == '/' && user.shell[0] == '/' && user.group_count >= 1 && user.group_count <= USER_GROUPS);
            CHECK(user.uid != (uid_t)-1 && user.gid != (gid_t)-1);
        }
    }
    accounts_user_name(&accounts, 1000, name, sizeof name);
    accounts_group_name(&accounts, 1000, name, sizeof name);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t whole = size == 0 ? 1 : size;
    size_t single = 1;
    size_t odd[] = {7, 1, 12, 300, 5, 65536};
    unsigned accepted = 0;
    uint64_t digest = decode(data, size, &whole, 1, true, &accepted);
    if (size <= 4096)
        CHECK(decode(data, size, &single, 1, false, &accepted) == digest);
    CHECK(decode(data, size, odd, sizeof odd / sizeof odd[0], false, &accepted) == digest);
    check_accounts(data, size);
    return 0;
}

#ifndef FUZZ_LIBFUZZER

enum { MOST_FILES = 128, MOST_BYTES = 200000 };

struct sample {
    uint8_t *bytes;
    size_t size;
};

static struct sample samples[MOST_FILES];
static size_t sample_count;
static uint64_t state;

static uint32_t chance(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

static void load(const char *directory, const char *name) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && sample_count < MOST_FILES);
    uint8_t *bytes = malloc(MOST_BYTES);
    CHECK(bytes != NULL);
    size_t size = fread(bytes, 1, MOST_BYTES, file);
    CHECK(fclose(file) == 0);
    samples[sample_count++] = (struct sample){bytes, size};
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_sample(const struct dirent *entry) {
    return strstr(entry->d_name, ".bin") != NULL;
}

static void load_all(const char *directory) {
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_sample, by_name);
    CHECK(count > 0);
    for (int i = 0; i < count; i++) {
        load(directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* Each corpus file must be one accepted message, wherever it is split. */
static void replay(const struct sample *sample) {
    size_t pieces[2] = {sample->size, 1};
    unsigned accepted = 0;
    uint64_t digest = decode(sample->bytes, sample->size, pieces, 1, true, &accepted);
    CHECK(accepted == 1);
    for (size_t at = 1; at < sample->size; at++) {
        pieces[0] = at;
        pieces[1] = sample->size;
        CHECK(decode(sample->bytes, sample->size, pieces, 2, false, &accepted) == digest);
    }
    (void)LLVMFuzzerTestOneInput(sample->bytes, sample->size);
}

/* A sequence of samples with some bytes, lengths and ends changed. */
static size_t mutate(uint8_t *out) {
    static const uint8_t telling[] = {0, 1, 2, 0x7f, 0x80, 0xff, ':', '\n', ',', '/', '='};
    size_t size = 0;
    for (uint32_t left = 1 + chance(4); left > 0; left--) {
        const struct sample *sample = &samples[chance((uint32_t)sample_count)];
        if (size + sample->size > MOST_BYTES)
            break;
        memcpy(out + size, sample->bytes, sample->size);
        size += sample->size;
    }
    for (uint32_t left = chance(6); left > 0 && size > 0; left--) {
        size_t at = chance((uint32_t)size);
        switch (chance(5)) {
        case 0: out[at] = (uint8_t)chance(256); break;
        case 1: out[at] = telling[chance(sizeof telling)]; break;
        case 2: out[at] ^= (uint8_t)(1U << chance(8)); break;
        case 3: size = at; break;
        default:
            memmove(out + at, out + at + 1, size - at - 1);
            size--;
            break;
        }
    }
    return size;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: fuzz CORPUS_DIRECTORY ITERATIONS [SEED]\n");
        return 64;
    }
    unsigned long iterations = strtoul(argv[2], NULL, 10);
    state = argc > 3 ? strtoull(argv[3], NULL, 10) | 1 : 20261124;
    load_all(argv[1]);
    for (size_t i = 0; i < sample_count; i++)
        replay(&samples[i]);
    uint8_t *input = malloc(MOST_BYTES);
    CHECK(input != NULL);
    for (unsigned long i = 0; i < iterations; i++)
        (void)LLVMFuzzerTestOneInput(input, mutate(input));
    free(input);
    printf("fuzz: %zu corpus files, %lu mutated inputs, nothing found\n", sample_count, iterations);
    for (size_t i = 0; i < sample_count; i++)
        free(samples[i].bytes);
    return 0;
}

#endif
