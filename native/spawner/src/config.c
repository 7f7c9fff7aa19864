/* See config.h. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int usage(const char *problem) {
    fprintf(stderr,
            "tinyvm-spawner: %s\n"
            "usage: tinyvm-spawner serve --run DIR --images DIR --guest PATH --ready-fd N\n"
            "                            [--allow-volume PATH]... [--layers auto|btrfs|tmpfs] [--pool N]\n"
            "                            [--pool-file PATH] [--pool-bytes N] [--volume-pool-file PATH] [--volume-pool-bytes N]\n"
            "                            [--runtime crun|runc|runsc=PATH]... [--sandboxes N] [--routed-pool A.B.C.D/N|none]\n"
            "       tinyvm-spawner --version\n",
            problem);
    return EXIT_USAGE;
}

static int parse_number(const char *text, uint64_t max, uint64_t *out) {
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || value > max)
        return -1;
    *out = value;
    return 0;
}

static int parse_layers(const char *text, enum layers_wanted *out) {
    static const char *const names[] = {"auto", "btrfs", "tmpfs"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum layers_wanted)i;
            return 0;
        }
    return -1;
}

/* NAME=PATH, a program that only root can change: it will be started by root. */
static const char *parse_runtime(char *text, struct config *config) {
    char *path = strchr(text, '=');
    struct stat info;
    if (path == NULL)
        return "--runtime needs NAME=PATH";
    *path++ = 0;
    enum runtime runtime = runtime_named(text);
    if (runtime == RUNTIME_NONE)
        return "--runtime is crun, runc or runsc, and a path";
    if (path[0] != '/')
        return "--runtime needs an absolute path";
    if (stat(path, &info) < 0 || !S_ISREG(info.st_mode) || (info.st_mode & S_IXOTH) == 0)
        return "--runtime needs a program that may be executed";
    if (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return "--runtime needs a program that belongs to root and that nobody else may write";
    config->runtimes[runtime] = path;
    return NULL;
}

int config_parse(int argc, char **argv, struct config *config) {
    enum { RUN, IMAGES, GUEST, VOLUME, LAYERS, POOL, POOL_FILE, POOL_BYTES, STORE_FILE, STORE_BYTES, READY, RUNTIME, SANDBOXES_KEPT, ROUTED_POOL };
    static const struct option options[] = {
        {"run", required_argument, NULL, RUN},
        {"images", required_argument, NULL, IMAGES},
        {"guest", required_argument, NULL, GUEST},
        {"allow-volume", required_argument, NULL, VOLUME},
        {"layers", required_argument, NULL, LAYERS},
        {"pool", required_argument, NULL, POOL},
        {"pool-file", required_argument, NULL, POOL_FILE},
        {"pool-bytes", required_argument, NULL, POOL_BYTES},
        {"volume-pool-file", required_argument, NULL, STORE_FILE},
        {"volume-pool-bytes", required_argument, NULL, STORE_BYTES},
        {"ready-fd", required_argument, NULL, READY},
        {"runtime", required_argument, NULL, RUNTIME},
        {"sandboxes", required_argument, NULL, SANDBOXES_KEPT},
        {"routed-pool", required_argument, NULL, ROUTED_POOL},
        {NULL, 0, NULL, 0},
    };
    *config = (struct config){.layers = LAYERS_AUTO, .ready_fd = -1, .blanks = 4};
    (void)pool_parse(ROUTED_POOL_DEFAULT, &config->routed_pool);
    uint64_t number = 0;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case RUN: config->run = optarg; break;
        case IMAGES: config->images = optarg; break;
        case GUEST: config->guest = optarg; break;
        case VOLUME:
            if (config->volume_count == MAX_VOLUMES)
                return usage("too many --allow-volume");
            if (optarg[0] != '/')
                return usage("--allow-volume needs an absolute path");
            config->volumes[config->volume_count++] = optarg;
            break;
        case LAYERS:
            if (parse_layers(optarg, &config->layers) < 0)
                return usage("--layers is auto, btrfs or tmpfs");
            break;
        case POOL:
            if (parse_number(optarg, MAX_BLANKS, &number) < 0)
                return usage("--pool is a number from 0 to 256");
            config->blanks = (uint32_t)number;
            break;
        case RUNTIME: {
            const char *problem = parse_runtime(optarg, config);
            if (problem != NULL)
                return usage(problem);
            break;
        }
        case ROUTED_POOL:
            if (strcmp(optarg, "none") == 0)
                config->routed_pool.prefix_length = 0;
            else if (pool_parse(optarg, &config->routed_pool) < 0)
                return usage("--routed-pool is none, or an IPv4 network of 12 to 30 bits such as " ROUTED_POOL_DEFAULT);
            break;
        case SANDBOXES_KEPT:
            if (parse_number(optarg, MAX_SANDBOXES, &number) < 0)
                return usage("--sandboxes is a number from 0 to 128");
            config->sandboxes = (uint32_t)number;
            break;
        case POOL_FILE: config->pool_file = optarg; break;
        case POOL_BYTES:
            if (parse_number(optarg, 1ULL << 50, &config->pool_bytes) < 0 || config->pool_bytes < (256ULL << 20))
                return usage("--pool-bytes is a number from 268435456 up");
            break;
        case STORE_FILE: config->volume_pool_file = optarg; break;
        case STORE_BYTES:
            if (parse_number(optarg, 1ULL << 50, &config->volume_pool_bytes) < 0 || config->volume_pool_bytes < (256ULL << 20))
                return usage("--volume-pool-bytes is a number from 268435456 up");
            break;
        case READY:
            if (parse_number(optarg, 1 << 20, &number) < 0)
                return usage("--ready-fd is a descriptor number");
            config->ready_fd = (int)number;
            break;
        default: return usage("unknown option, or one without its value");
        }
    }
    if (optind != argc)
        return usage("an argument too many");
    if (config->run == NULL || config->run[0] != '/')
        return usage("--run needs an absolute path");
    if (config->images == NULL || config->images[0] != '/')
        return usage("--images needs an absolute path");
    if (config->guest == NULL)
        return usage("--guest is missing");
    if (config->ready_fd < 0)
        return usage("--ready-fd is missing");
    return 0;
}
