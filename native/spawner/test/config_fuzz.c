/*
 * The writer of config.json under sanitizers: random and hostile targets of volumes. What it writes must be balanced JSON with
 * every quote of a client's text escaped; what is not UTF-8 must be refused; what does not fit must be an error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/oci_config.h"

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "config_fuzz: %s\n", what);
        exit(1);
    }
}

/* Braces and brackets outside of strings balance, strings end, no raw control character stands in one. */
static void check_json(const char *text, size_t length) {
    int depth = 0;
    bool inside = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (inside) {
            require((unsigned char)c >= 0x20, "no raw control character in a string");
            if (c == '\\')
                i++;
            else if (c == '"')
                inside = false;
        } else if (c == '"')
            inside = true;
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            require(--depth >= 0, "brackets balance");
    }
    require(!inside && depth == 0, "the document is whole");
}

int main(int argc, char **argv) {
    static char text[OCI_CONFIG_BYTES], targets[MAX_MOUNTS][MOUNT_PATH_BYTES];
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000, written = 0, refused = 0;
    srand(7);
    for (unsigned long round = 0; round < rounds; round++) {
        struct oci_config config = {.runtime = (enum runtime)(1 + rand() % (RUNTIMES - 1)), .hostname = "tiny", .user = "user",
                                    .kept_capabilities = (uint64_t)rand(), .descriptors = 1024,
                                    .mount_count = (uint32_t)(rand() % (MAX_MOUNTS + 1))};
        bool ascii = round % 2 == 0;
        for (uint32_t i = 0; i < config.mount_count; i++) {
            size_t length = 1 + (size_t)(rand() % (MOUNT_PATH_BYTES - 2));
            targets[i][0] = '/';
            for (size_t at = 1; at < length; at++)
                targets[i][at] = (char)(ascii ? 1 + rand() % 127 : 1 + rand() % 255);
            targets[i][length] = 0;
            config.mounts[i] = (struct oci_mount){targets[i], rand() % 2 == 0};
        }
        ssize_t n = oci_config_write(&config, text, sizeof text);
        if (n > 0) {
            require(strlen(text) == (size_t)n, "the length is the text's");
            check_json(text, (size_t)n);
            require(oci_config_write(&config, text, (size_t)n + 1) == n, "it fits exactly");
            require(oci_config_write(&config, text, (size_t)n) == -E2BIG, "one byte less is too little");
            written++;
        } else {
            require(n == -E2BIG || (n == -EINVAL && !ascii), "only what is not UTF-8 or too long is refused");
            refused++;
        }
    }
    printf("config_fuzz: %lu written, %lu refused\n", written, refused);
    return 0;
}
