/*
 * config.json of the OCI runtime specification (1.0.2), written from checked fields only. Pure: no I/O, a fixed buffer.
 * Nothing a client says gets in but the hostname, the default user and the targets of volumes, all escaped.
 */
#ifndef SPAWNER_OCI_CONFIG_H
#define SPAWNER_OCI_CONFIG_H

#include "request.h"
#include "runtime.h"
#include "sys.h"

enum { OCI_CONFIG_BYTES = 160 << 10 };

/* Where things lie in the stage (stage.h), the runtime's root directory. */
#define STAGE_ROOTFS "/rootfs"
#define STAGE_GUEST "/guest"
#define STAGE_SOCKETS "/socket"
#define STAGE_SYS "/template-sys"
#define STAGE_VOLUMES "/volumes"
/* And where they appear inside. */
#define INSIDE_GUEST "/dev/.tinyvm/guest"
#define INSIDE_SOCKETS "/dev/.tinyvm/socket"

/* runsc's gofer holds each socket that was bound there, also those that are gone: every checkpoint costs one inode, and without one the
 * guest could not come back. What is reserved is for guests whose checkpoint is refused. */
enum { SOCKETS_INODES = 4096, SOCKETS_RESERVED = 1024 };

struct oci_mount {
    const char *target;
    bool read_only;
};

struct oci_config {
    enum runtime runtime;
    const char *hostname;
    const char *user;
    bool read_only_root;
    uint64_t kept_capabilities;
    uint64_t descriptors; /* the hard limit of a process */
    uint32_t mount_count; /* volume i lies at STAGE_VOLUMES/i */
    struct oci_mount mounts[MAX_MOUNTS];
};

/* Writes the document; returns its length, -EINVAL for a target that is not UTF-8, -E2BIG when it does not fit. */
ssize_t oci_config_write(const struct oci_config *config, char *out, size_t room);

#endif
