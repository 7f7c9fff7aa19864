/*
 * Named volumes: subvolumes with a quota in a btrfs file of their own, which outlives every wall and every spawner. Nothing
 * ever formats that file again once it holds something.
 */
#ifndef SPAWNER_STORE_H
#define SPAWNER_STORE_H

#include "config.h"
#include "sys.h"

enum { VOLUME_NAME_BYTES = 64, VOLUME_OWNER = 1000 };

/* Mounts the store at `mount_point`; a failure is kept and told with the first request that needs the store. */
void store_open(const struct config *config, const char *mount_point);
/* After the private mount tree was entered. */
void store_enter(void);
void store_close(void);
/* Descriptors to keep, for close_all_but. */
size_t store_fds(int *out, size_t room);

/* Makes the volume when it is missing, and sets its bound. Whoever asks has it on record and asks again after a crash, so
 * nothing is waited for here. */
int store_make(const char *name, uint64_t bytes, struct fault *fault);
/* What is not there is removed. */
int store_remove(const char *name, struct fault *fault);
int store_used(const char *name, uint64_t *bytes, struct fault *fault);
/* A descriptor of the volume's directory. */
int store_find(const char *name, struct fault *fault);

#endif
