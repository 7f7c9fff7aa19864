/* User namespaces made ahead and held by a descriptor: a wall enters its slot's, an idmapped mount borrows one. */
#ifndef SPAWNER_USERNS_H
#define SPAWNER_USERNS_H

#include <sys/types.h>

/* A user namespace with these lines as uid_map and gid_map. Returns a descriptor or a negative errno. */
int userns_make(const char *uid_map, const char *gid_map);
/* 0 to 65535 inside are base to base + 65535 outside. */
int userns_for_slot(uid_t base);
/*
 * For a volume whose directory belongs to (uid, gid) of the host: files of that owner appear as `inside_uid`, and every
 * other user of the Tiny VM is kept apart under an unprivileged uid from VOLUME_UIDS up. No file can come to belong to
 * the host's root: an owner of 0 is not mapped at all.
 */
int userns_for_volume(uid_t base, uid_t uid, gid_t gid, uid_t inside_uid);

#define VOLUME_UIDS 0xf0000000U

#endif
