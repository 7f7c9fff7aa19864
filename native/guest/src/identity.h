/*
 * Acting on files as a user of the Tiny VM: fsuid, fsgid and groups of the one thread, so that the kernel itself decides
 * what is allowed. Every enter is followed by a leave before the loop goes on.
 */
#ifndef GUEST_IDENTITY_H
#define GUEST_IDENTITY_H

#include "users.h"

/* Drops the groups the guest was started with. */
void identity_init(void);
/* 0, or a negative errno and nothing changed (EPERM when the guest is not root and the user is another one). */
int identity_enter(const struct user *user);
/* Back to the guest's own. errno is kept. */
void identity_leave(void);

/* Makes an absolute path of `path`, which if relative starts at the user's home. -ENAMETOOLONG, or -ENOENT when empty. */
enum { FILE_PATH_BYTES = 4096 };
int identity_path(const struct user *user, struct wire_str path, char absolute[FILE_PATH_BYTES]);

#endif
