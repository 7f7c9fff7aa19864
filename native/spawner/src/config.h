/* The command line of `tinyvm-spawner serve`, and where things lie in the spawner's private mount tree. */
#ifndef SPAWNER_CONFIG_H
#define SPAWNER_CONFIG_H

#include <stdint.h>

#include "routes.h"
#include "runtime.h"

#define SPAWNER_VERSION "0.1.0"
#define PROTOCOL_VERSION 1

enum { MAX_VOLUMES = 64, MAX_BLANKS = 256, MAX_SANDBOXES = 128 };

enum layers_wanted { LAYERS_AUTO, LAYERS_BTRFS, LAYERS_TMPFS };

struct config {
    const char *run;    /* absolute */
    const char *images; /* absolute */
    const char *guest;
    const char *volumes[MAX_VOLUMES];
    uint32_t volume_count;
    enum layers_wanted layers;
    const char *pool_file;     /* NULL: in the run directory */
    uint64_t pool_bytes;       /* apparent size of the sparse pool file; 0: what the file system has free, at most 64 GiB */
    const char *volume_pool_file; /* NULL: no named volumes */
    uint64_t volume_pool_bytes;
    uint32_t blanks;           /* walls kept ready */
    const char *runtimes[RUNTIMES]; /* absolute paths, NULL: not on offer */
    uint32_t sandboxes;        /* gVisor sandboxes kept ready, frozen, of each image that was used last */
    struct pool routed_pool;   /* addresses of routed interfaces; a prefix length of 0: none */
    int ready_fd;
};

/* Exit codes: usage, a system call failed, the guest cannot be executed, the guest is missing. */
enum { EXIT_USAGE = 64, EXIT_SYSTEM = 71, EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 };

/* 0, or an exit code after a message on stderr. */
int config_parse(int argc, char **argv, struct config *config);

/* Below the run directory, for root only. */
#define PRIVATE_DIR ".spawner"

/* The private mount tree (tree.c). Every Tiny VM's set-up starts from a copy of it. */
#define TREE_RUN "/run"                         /* the run directory */
#define TREE_FAST "/fast"                        /* struct fast_place */
#define TREE_VMS TREE_FAST "/vms"                /* the guests' sockets */
#define TREE_STATE TREE_FAST "/state"            /* one file per wall, for root only */
#define TREE_SKELETON "/skeleton"               /* image host: everything but /usr */
#define TREE_USR "/usr"                         /* the host's */
#define TREE_IMAGES "/images"
#define TREE_VOLUMES "/volumes" /* one directory per allowed path, by number */
#define TREE_POOL "/pool"       /* btrfs */
#define TREE_STORE "/store"     /* btrfs with named volumes */
#define TREE_DEV "/template/dev"
#define TREE_SYS "/template/sys"
#define TREE_EMPTY "/template/empty"
#define TREE_HOST_DIRS "/hostdirs" /* /bin, /lib, … of a host whose /usr is not merged */
#define TREE_LOWER "/work/lower"
#define TREE_LOWER_USR "/work/lowerusr"
#define TREE_STACK "/work/stack" /* one directory per lower of an image, by number */
#define TREE_LOWERS "/lowers"    /* mounted EROFS files (lower.c) */
#define TREE_LAYER "/work/layer" /* tmpfs layers */
#define TREE_ROOT "/work/root"
#define TREE_STAGE "/work/stage"    /* what an OCI runtime gets to see (stage.c) */
#define TREE_RUNTIMES "/runtimes"   /* the programs, one file per name */
#define TREE_GUEST "/guest"         /* the guest's program */

#endif
