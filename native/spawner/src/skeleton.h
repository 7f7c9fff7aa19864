/* Image `host`: everything of its root but /usr, made from an allow-list of this machine's /etc. */
#ifndef SPAWNER_SKELETON_H
#define SPAWNER_SKELETON_H

#include "sys.h"

enum { MAX_HOST_DIRS = 8 };

/* Directories of the root that are real ones on a host whose /usr is not merged ("bin", "lib", …); usually none. */
struct host_dirs {
    uint32_t count;
    char names[MAX_HOST_DIRS][16];
};

/* Builds the skeleton in the (new, empty) directory `path`, owned by root, readable by all. */
int skeleton_build(const char *path, struct host_dirs *dirs, struct fault *fault);

/* Only finds the directories, for a skeleton that stands already. */
int skeleton_find_host_dirs(struct host_dirs *dirs, struct fault *fault);

#endif
