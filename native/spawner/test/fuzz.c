/*
 * Fuzz driver of the request parser: every corpus file whole and cut at every byte, then mutations of them from a fixed
 * seed. Built with ASan and UBSan, which end the process on a defect.
 *
 *   fuzz CORPUS_DIR ITERATIONS
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/request.h"

enum { MAX_FILES = 64, MAX_BYTES = 8192 };

static struct { uint8_t bytes[MAX_BYTES]; size_t length; } corpus[MAX_FILES];
static size_t files;
static unsigned long parsed, refused, malformed;
static uint64_t dice = 0x9e3779b97f4a7c15ULL;

static uint64_t roll(void) {
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice;
}

static void require(bool truth, const char *what) {
    if (!truth) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

/* What holds for every request that is accepted. */
static void check(const struct request *request) {
    require(memchr(request->id, 0, sizeof request->id) != NULL, "the id ends");
    require(strchr(request->id, '/') == NULL && strstr(request->id, "..") == NULL, "the id names no path");
    if (request->type == REQUEST_ATTACH || request->type == REQUEST_DETACH) {
        require(request->mount_count == 1 && request->mounts[0].target[0] == '/' && request->mounts[0].target[1] != 0, "one target");
        require(strstr(request->mounts[0].target, "/../") == NULL, "the target is clean");
    }
    if (request->type == REQUEST_ATTACH)
        require(request->mounts[0].source[0] == '/' || strchr(request->mounts[0].source, '/') == NULL, "a path or a name");
    if (request->type == REQUEST_NETWORK_ATTACH || request->type == REQUEST_NETWORK_RULES) {
        require(request->rules.count <= MAX_RULES, "rules are bounded");
        for (uint32_t i = 0; i < request->rules.count; i++) {
            const struct rule *rule = &request->rules.items[i];
            require(rule->family == 4 || rule->family == 6, "a family that exists");
            require(rule->prefix_length <= (rule->family == 4 ? 32 : 128) && rule->port_count <= MAX_RULE_PORTS, "a rule is bounded");
            require(rule->protocols >= 1 && rule->protocols <= 3, "protocols that exist");
            require(rule->family == 6 || (rule->address & ~prefix_mask(rule->prefix_length)) == 0, "no bits beyond the prefix");
            for (uint32_t port = 0; port < rule->port_count; port++)
                require(rule->ports[port].first >= 1 && rule->ports[port].first <= rule->ports[port].last, "ports in order");
        }
    }
    require(strchr(request->checkpoint, '/') == NULL && request->checkpoint[0] != '.', "the checkpoint names no path");
    require((request->checkpoint[0] != 0) == (request->type == REQUEST_CHECKPOINT || request->type == REQUEST_RESTORE_UNDER ||
                                              request->type == REQUEST_CHECKPOINT_REMOVE), "a checkpoint is named where it has to be");
    if (request->type == REQUEST_RESTORE_UNDER)
        require(request->runtime == RUNTIME_RUNSC, "only gVisor restores");
    if (request->type != REQUEST_CREATE && request->type != REQUEST_CREATE_UNDER && request->type != REQUEST_RESTORE_UNDER)
        return;
    require((request->type == REQUEST_CREATE) == (request->runtime == RUNTIME_NONE), "a runtime is named where it has to be");
    require(request->mount_count <= MAX_MOUNTS, "mounts are bounded");
    require(strchr(request->image, '/') == NULL && request->image[0] != '.', "the image names no path");
    require(request->user[0] != '-', "the user is no option");
    for (uint32_t i = 0; i < request->mount_count; i++) {
        require(request->mounts[i].target[0] == '/' && strstr(request->mounts[i].target, "/../") == NULL, "targets are clean");
        require(request->mounts[i].source[0] == '/' ? strstr(request->mounts[i].source, "/../") == NULL
                                                    : strchr(request->mounts[i].source, '/') == NULL, "sources are clean or names");
    }
}

/* One stream of frames, given to the decoder in two parts. */
static void feed(const uint8_t *bytes, size_t length, size_t cut) {
    static uint8_t buffer[2 * WIRE_MAX_FRAME_BYTES];
    static struct request request;
    struct wire_decoder decoder;
    struct wire_frame frame;
    wire_decoder_init(&decoder, buffer, sizeof buffer);
    for (size_t at = 0; at < length;) {
        size_t room = 0, part = at < cut ? cut - at : length - at;
        uint8_t *space = wire_decoder_space(&decoder, &room);
        part = part < room ? part : room;
        memcpy(space, bytes + at, part);
        wire_decoder_filled(&decoder, part);
        at += part;
        int more;
        while ((more = wire_decoder_next(&decoder, &frame)) == 1) {
            /* A copy of exactly the payload's size lets ASan see a read beyond it. */
            uint8_t *exact = malloc(frame.length == 0 ? 1 : frame.length);
            require(exact != NULL, "memory");
            if (frame.length > 0)
                memcpy(exact, frame.payload, frame.length);
            frame.payload = exact;
            struct fault fault = {0};
            int result = request_parse(&frame, &request, &fault);
            free(exact);
            if (result == 0) {
                parsed++;
                check(&request);
            } else if (result == -EBADMSG) {
                malformed++;
                return;
            } else {
                refused++;
                require(fault.error == -result && fault.step[0] != 0 && fault.text[0] != 0, "a refusal says why");
            }
        }
        if (more < 0) {
            malformed++;
            return;
        }
    }
}

static void mutate(uint8_t *bytes, size_t *length) {
    static const uint8_t interesting[] = {0, 1, 0x7f, 0x80, 0xff, '/', '.', '-'};
    for (uint64_t n = 1 + roll() % 6; n > 0 && *length > 0; n--) {
        size_t at = roll() % *length;
        switch (roll() % 5) {
        case 0: bytes[at] = (uint8_t)roll(); break;
        case 1: bytes[at] ^= (uint8_t)(1U << roll() % 8); break;
        case 2: bytes[at] = interesting[roll() % sizeof interesting]; break;
        case 3: *length = at; break;
        default:
            if (*length < MAX_BYTES) {
                memmove(bytes + at + 1, bytes + at, *length - at);
                (*length)++;
            }
        }
    }
}

int main(int argc, char **argv) {
    DIR *dir = argc == 3 ? opendir(argv[1]) : NULL;
    if (dir == NULL) {
        fprintf(stderr, "usage: fuzz CORPUS_DIR ITERATIONS\n");
        return 64;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && files < MAX_FILES;) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (file == NULL)
            continue;
        corpus[files].length = fread(corpus[files].bytes, 1, MAX_BYTES, file);
        fclose(file);
        files++;
    }
    closedir(dir);
    require(files > 0, "the corpus has files");
    for (size_t i = 0; i < files; i++)
        for (size_t cut = 0; cut <= corpus[i].length; cut++)
            feed(corpus[i].bytes, corpus[i].length, cut);
    for (unsigned long i = 0, n = strtoul(argv[2], NULL, 10); i < n; i++) {
        static uint8_t bytes[MAX_BYTES + 8];
        size_t which = roll() % files, length = corpus[which].length;
        memcpy(bytes, corpus[which].bytes, length);
        mutate(bytes, &length);
        feed(bytes, length, length == 0 ? 0 : roll() % length);
    }
    printf("fuzz: %lu accepted, %lu refused, %lu malformed\n", parsed, refused, malformed);
    return 0;
}
