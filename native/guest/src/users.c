/* The Tiny VM's own accounts: see users.h. */
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits.h"
#include "text.h"

enum { PASSWD_FIELDS = 7, GROUP_FIELDS = 4 };

static const char *default_name = "root";

void users_set_default(const char *name) {
    default_name = name;
}

/* ---- files ---- */

static char *load(const char *path, size_t *length) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    char *text = NULL;
    *length = 0;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
        status.st_size <= LIMIT_ACCOUNT_FILE_BYTES)
        text = malloc((size_t)status.st_size);
    while (text != NULL && *length < (size_t)status.st_size) {
        ssize_t count = read(fd, text + *length, (size_t)status.st_size - *length);
        if (count <= 0)
            break;
        *length += (size_t)count;
    }
    (void)close(fd);
    return text;
}

void accounts_load(struct accounts *accounts) {
    if (accounts->loaded)
        return;
    accounts->passwd = load("/etc/passwd", &accounts->passwd_length);
    accounts->group = load("/etc/group", &accounts->group_length);
    accounts->loaded = 1;
}

void accounts_free(struct accounts *accounts) {
    free(accounts->passwd);
    free(accounts->group);
    *accounts = (struct accounts){0};
}

/* ---- lines ---- */

/* Cuts the next line with exactly `wanted` colon-separated fields out of *at. False at the end. */
static bool next_record(const char **at, const char *end, struct wire_str *fields, size_t wanted) {
    while (*at < end) {
        const char *line = *at;
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL)
            stop = end;
        *at = stop < end ? stop + 1 : end;
        size_t count = 0;
        while (count < wanted) {
            const char *colon = count + 1 == wanted ? NULL : memchr(line, ':', (size_t)(stop - line));
            const char *field_end = colon == NULL ? stop : colon;
            fields[count++] = (struct wire_str){line, (uint32_t)(field_end - line)};
            if (colon == NULL)
                break;
            line = colon + 1;
        }
        if (count == wanted)
            return true;
    }
    return false;
}

static bool same(struct wire_str a, struct wire_str b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static bool number_of(struct wire_str word, uint32_t *number) {
    return text_parse_u32(word.bytes, word.length, number) == 0 && *number != UINT32_MAX;
}

/* Copies a field; one that does not fit is left empty. */
static void copy(struct wire_str field, char *to, size_t size) {
    size_t length = field.length < size && memchr(field.bytes, 0, field.length) == NULL ? field.length : 0;
    memcpy(to, field.bytes, length);
    to[length] = '\0';
}

/* ---- looking up ---- */

static bool find_passwd(const struct accounts *accounts, struct wire_str name, const uint32_t *uid, struct user *user) {
    struct wire_str fields[PASSWD_FIELDS];
    const char *at = accounts->passwd;
    const char *end = at + accounts->passwd_length;
    while (accounts->passwd_length > 0 && next_record(&at, end, fields, PASSWD_FIELDS)) {
        uint32_t line_uid = 0;
        uint32_t line_gid = 0;
        if (fields[0].length == 0 || !number_of(fields[2], &line_uid) || !number_of(fields[3], &line_gid))
            continue;
        if (uid != NULL ? line_uid != *uid : !same(fields[0], name))
            continue;
        user->uid = line_uid;
        user->gid = line_gid;
        copy(fields[0], user->name, sizeof user->name);
        copy(fields[5], user->home, sizeof user->home);
        copy(fields[6], user->shell, sizeof user->shell);
        return true;
    }
    return false;
}

static bool find_group(const struct accounts *accounts, struct wire_str name, const uint32_t *gid, struct wire_str *found,
                       gid_t *found_gid) {
    struct wire_str fields[GROUP_FIELDS];
    const char *at = accounts->group;
    const char *end = at + accounts->group_length;
    while (accounts->group_length > 0 && next_record(&at, end, fields, GROUP_FIELDS)) {
        uint32_t line_gid = 0;
        if (!number_of(fields[2], &line_gid) || (gid != NULL ? line_gid != *gid : !same(fields[0], name)))
            continue;
        *found = fields[0];
        *found_gid = line_gid;
        return true;
    }
    return false;
}

static bool lists_member(struct wire_str members, struct wire_str name) {
    const char *at = members.bytes;
    const char *end = at + members.length;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma == NULL ? end : comma;
        if (same((struct wire_str){at, (uint32_t)(stop - at)}, name))
            return true;
        at = stop + 1;
    }
    return false;
}

static void collect_groups(const struct accounts *accounts, struct user *user) {
    struct wire_str fields[GROUP_FIELDS];
    struct wire_str name = {user->name, (uint32_t)strlen(user->name)};
    const char *at = accounts->group;
    const char *end = at + accounts->group_length;
    user->groups[0] = user->gid;
    user->group_count = 1;
    while (accounts->group_length > 0 && user->group_count < USER_GROUPS && next_record(&at, end, fields, GROUP_FIELDS)) {
        uint32_t gid = 0;
        if (number_of(fields[2], &gid) && gid != user->gid && name.length > 0 && lists_member(fields[3], name))
            user->groups[user->group_count++] = gid;
    }
}

int accounts_find(const struct accounts *accounts, struct wire_str word, struct user *user) {
    const char *colon = word.length == 0 ? NULL : memchr(word.bytes, ':', word.length);
    struct wire_str name = word;
    struct wire_str group = {"", 0};
    if (colon != NULL) {
        name.length = (uint32_t)(colon - word.bytes);
        group = (struct wire_str){colon + 1, word.length - name.length - 1};
    }
    uint32_t uid = 0;
    bool numeric = number_of(name, &uid);
    struct wire_str root = {"root", 4};
    *user = (struct user){0};
    /* A name wins over a number: an account may be called 1000. */
    if (!find_passwd(accounts, name, NULL, user) && !(numeric && find_passwd(accounts, name, &uid, user))) {
        if (!numeric && !same(name, root))
            return -EINVAL;
        user->uid = numeric ? uid : 0;
        user->gid = user->uid;
        copy(name, user->name, sizeof user->name);
    }
    if (user->home[0] != '/')
        strcpy(user->home, user->uid == 0 && user->home[0] == '\0' && same(name, root) ? "/root" : "/");
    if (user->shell[0] != '/')
        strcpy(user->shell, "/bin/sh");
    collect_groups(accounts, user);
    if (colon == NULL)
        return 0;
    struct wire_str found;
    uint32_t gid = 0;
    if (!find_group(accounts, group, NULL, &found, &user->gid)) {
        if (!number_of(group, &gid))
            return -EINVAL;
        user->gid = gid;
    }
    user->groups[0] = user->gid;
    user->group_count = 1; /* an explicit group means that one only, as in container images */
    return 0;
}

struct wire_str users_word(struct wire_str word) {
    return word.length > 0 ? word : (struct wire_str){default_name, (uint32_t)strlen(default_name)};
}

int users_find(struct wire_str word, struct user *user) {
    struct accounts accounts = {0};
    accounts_load(&accounts);
    int error = accounts_find(&accounts, users_word(word), user);
    accounts_free(&accounts);
    return error;
}

int users_owner(struct wire_str word, uid_t *uid, gid_t *gid) {
    struct accounts accounts = {0};
    const char *colon = word.length == 0 ? NULL : memchr(word.bytes, ':', word.length);
    struct wire_str owner = {word.bytes, colon == NULL ? word.length : (uint32_t)(colon - word.bytes)};
    int error = word.length == 0 ? -EINVAL : 0;
    *uid = (uid_t)-1;
    *gid = (gid_t)-1;
    accounts_load(&accounts);
    if (owner.length > 0) {
        struct user user;
        error = accounts_find(&accounts, owner, &user);
        if (error == 0)
            *uid = user.uid;
    }
    if (error == 0 && colon != NULL) {
        struct wire_str group = {colon + 1, word.length - owner.length - 1};
        struct wire_str found;
        uint32_t number = 0;
        if (!find_group(&accounts, group, NULL, &found, gid)) {
            error = number_of(group, &number) ? 0 : -EINVAL;
            *gid = error == 0 ? number : (gid_t)-1;
        }
    }
    accounts_free(&accounts);
    return error;
}

void accounts_user_name(struct accounts *accounts, uid_t uid, char *name, size_t size) {
    struct user user;
    struct wire_str none = {"", 0};
    uint32_t wanted = uid;
    accounts_load(accounts);
    name[0] = '\0';
    if (find_passwd(accounts, none, &wanted, &user))
        copy((struct wire_str){user.name, (uint32_t)strlen(user.name)}, name, size);
}

void accounts_group_name(struct accounts *accounts, gid_t gid, char *name, size_t size) {
    struct wire_str found;
    struct wire_str none = {"", 0};
    uint32_t wanted = gid;
    gid_t ignored;
    accounts_load(accounts);
    name[0] = '\0';
    if (find_group(accounts, none, &wanted, &found, &ignored))
        copy(found, name, size);
}
