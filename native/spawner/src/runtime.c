/* See runtime.h. */
#include "runtime.h"

#include <string.h>

#include "request.h"

static const char *const names[RUNTIMES] = {"", "crun", "runc", "runsc"};

const char *runtime_name(enum runtime runtime) {
    return names[runtime];
}

enum runtime runtime_named(const char *name) {
    for (int i = RUNTIME_CRUN; i < RUNTIMES; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum runtime)i;
    return RUNTIME_NONE;
}

uint64_t runtime_memory_bytes(enum runtime runtime) {
    return runtime == RUNTIME_RUNSC ? 48ULL << 20 : runtime == RUNTIME_NONE ? 0 : 2ULL << 20;
}

uint32_t runtime_pids(enum runtime runtime, uint32_t pids) {
    if (runtime == RUNTIME_NONE)
        return pids;
    uint32_t needed = runtime == RUNTIME_RUNSC ? pids * 3 + 128 : pids + 8; /* runsc: counted, see docs/walls.md */
    return needed > PIDS_MAX * 4 ? PIDS_MAX * 4 : needed;
}
