/*
 * The Tiny VM's own accounts, read from /etc/passwd and /etc/group without NSS (the guest is static). The files belong to
 * whoever is root inside, so they are read defensively: bounded, regular files only, never waited for.
 */
#ifndef GUEST_USERS_H
#define GUEST_USERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../wire/wire.h"

enum { USER_NAME_BYTES = 256, USER_PATH_BYTES = 1024, USER_GROUPS = 128 };

struct user {
    uid_t uid;
    gid_t gid;
    char name[USER_NAME_BYTES];
    char home[USER_PATH_BYTES];
    char shell[USER_PATH_BYTES];
    gid_t groups[USER_GROUPS];
    size_t group_count;
};

/* The contents of both files, loaded once for a piece of work. Zero-initialised is "not loaded yet". */
struct accounts {
    char *passwd;
    size_t passwd_length;
    char *group;
    size_t group_length;
    int loaded;
};

void accounts_load(struct accounts *accounts);
void accounts_free(struct accounts *accounts);

/* What an empty user means; the word is kept, not copied. */
void users_set_default(const char *name);

/* The word that stands for a user: itself, or what an empty one means. */
struct wire_str users_word(struct wire_str word);

/* Finds `name`, `uid`, `name:group` (group by name or number) or, when empty, the default user. A number without an account
 * is that uid with the same gid, no groups and the home "/"; root exists without /etc/passwd. -EINVAL: no such user or
 * group, or a malformed word. */
int users_find(struct wire_str word, struct user *user);

/* Reads `owner`, `owner:group` or `:group` as names or numbers; (uid_t)-1 or (gid_t)-1 where nothing is said. -EINVAL when
 * unknown. */
int users_owner(struct wire_str word, uid_t *uid, gid_t *gid);

/* Copies the name of an id into name (cut to the size), or "" when it has none. */
void accounts_user_name(struct accounts *accounts, uid_t uid, char *name, size_t size);
void accounts_group_name(struct accounts *accounts, gid_t gid, char *name, size_t size);

/* The pure part, exposed for the fuzzer: looks an account up in loaded texts. */
int accounts_find(const struct accounts *accounts, struct wire_str word, struct user *user);

#endif
