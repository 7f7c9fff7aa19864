/*
 * The stage: the root directory in which an OCI runtime runs, made in the wall's own mount namespace while the child is
 * still the host's root. It holds the finished root file system of the Tiny VM, the runtime's program and what that needs
 * to run (the host's /usr, read-only), and nothing else of the host. The runtime itself then runs in the wall's user
 * namespace: outside of it, it is nobody.
 */
#ifndef SPAWNER_STAGE_H
#define SPAWNER_STAGE_H

#include "child.h"

#define STAGE_RUNTIME "/runtime"
#define STAGE_BUNDLE "/bundle"
#define STAGE_STATE "/state"
#define STAGE_LOG STAGE_BUNDLE "/log"
#define STAGE_PID_FILE STAGE_BUNDLE "/pid"
#define STAGE_SOCKETS_DIR "/socket"
#define STAGE_SOCKET STAGE_SOCKETS_DIR "/guest.sock"
#define STAGE_SOCKETS_WAKE STAGE_SOCKETS_DIR "/wake" /* tells a suspended guest to come back */
#define STAGE_CHECKPOINT "/checkpoint"                /* the image from which it is made, until it has started */

/*
 * What runsc is told whatever it shall do: no network but its own loopback; cgroups are the spawner's business; writes go to
 * the bounded layer, not to memory; the guest may bind its socket. The path of its log comes next.
 */
#define STAGE_RUNSC                                                                                                         \
    "runsc", "--root", STAGE_STATE, "--network=none", "--ignore-cgroups", "--platform=systrap", "--overlay2=none",          \
        "--host-uds=all", "--oci-seccomp", "--log"

/* Builds it and makes it the root. */
int stage_build(const struct child_plan *plan, int *layer_mount, struct fault *fault);
/* /etc/hostname and /etc/hosts of the root file system. */
int stage_name_host(const char *hostname, struct fault *fault);
/* Attaches a volume where config.json looks for it. */
int stage_add_volume(int mount_fd, uint32_t index, struct fault *fault);
int stage_write_config(const struct child_plan *plan, const struct activation *request, struct fault *fault);

#endif
