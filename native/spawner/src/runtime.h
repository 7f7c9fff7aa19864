/*
 * OCI runtimes that can make a wall instead of the spawner itself. Which of them exist, and where, is said on the
 * spawner's command line (`--runtime NAME=PATH`); a request can only name one of this list.
 */
#ifndef SPAWNER_RUNTIME_H
#define SPAWNER_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum runtime { RUNTIME_NONE, RUNTIME_CRUN, RUNTIME_RUNC, RUNTIME_RUNSC, RUNTIMES };

enum { RUNTIME_NAME_BYTES = 8 };

/* "" for RUNTIME_NONE: the spawner's own wall. */
const char *runtime_name(enum runtime runtime);
/* RUNTIME_NONE when there is no such name. */
enum runtime runtime_named(const char *name);

/*
 * What a runtime's own processes need beside the Tiny VM's: the sentry and the gofer of gVisor live in the Tiny VM's cgroup,
 * and each thread inside has one outside that carries it.
 */
uint64_t runtime_memory_bytes(enum runtime runtime);
uint32_t runtime_pids(enum runtime runtime, uint32_t pids);

#endif
