/* What file requests share, and those that are answered at once: STAT, MKDIR, RENAME, CHMOD, CHOWN, SYMLINK. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"
#include "libc.h"
#include "messages.h"
#include "stream.h"

enum { MODE_BITS = 07777, PARENT_MODE = 0755 };

bool file_request_user(uint32_t id, struct wire_reader *payload, struct user *user) {
    struct wire_str word = wire_read_str(payload);
    if (users_find(word, user) == 0)
        return true;
    struct text text;
    text_start(&text, "the Tiny VM has no user '");
    word = users_word(word);
    text_add_bytes(&text, word.bytes, word.length);
    text_add(&text, "' (see its /etc/passwd)");
    answer_error(id, EINVAL, &text);
    return false;
}

bool file_request_path(uint32_t id, struct wire_reader *payload, const struct user *user, char path[FILE_PATH_BYTES]) {
    int error = identity_path(user, wire_read_str(payload), path);
    if (error != 0)
        answer_failure(id, -error, "use the path", error == -ENOENT ? "" : NULL);
    return error == 0;
}

bool file_request(uint32_t id, struct wire_reader *payload, struct user *user, char path[FILE_PATH_BYTES]) {
    return file_request_user(id, payload, user) && file_request_path(id, payload, user, path);
}

void file_answer(uint32_t id, int error, const char *action, const char *path) {
    if (error == 0)
        answer_done(id);
    else
        answer_failure(id, -error, action, path);
}

int file_make_parents(const char *path) {
    char prefix[FILE_PATH_BYTES];
    size_t length = strlen(path);
    if (length >= sizeof prefix)
        return -ENAMETOOLONG;
    memcpy(prefix, path, length + 1);
    for (char *slash = strchr(prefix + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if (slash[-1] == '/' || slash[1] == '\0')
            continue;
        *slash = '\0';
        struct stat status;
        /* Asking first: mkdir of an existing directory one may not write to can be EACCES or EROFS instead of EEXIST. */
        if (stat(prefix, &status) != 0 && mkdir(prefix, PARENT_MODE) != 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return 0;
}

/* ---- entries ---- */

static uint8_t type_of(mode_t mode) {
    return S_ISREG(mode) ? 1 : S_ISDIR(mode) ? 2 : S_ISLNK(mode) ? 3 : 4;
}

void file_write_entry(struct wire_writer *frame, struct accounts *accounts, int dir_fd, const char *name, const char *shown,
                      const struct stat *status) {
    char owner[USER_NAME_BYTES];
    char group[USER_NAME_BYTES];
    char target[FILE_PATH_BYTES];
    ssize_t target_length = S_ISLNK(status->st_mode) ? readlinkat(dir_fd, name, target, sizeof target) : 0;
    accounts_user_name(accounts, status->st_uid, owner, sizeof owner);
    accounts_group_name(accounts, status->st_gid, group, sizeof group);
    wire_write_u8(frame, type_of(status->st_mode));
    wire_write_u32(frame, status->st_mode & MODE_BITS);
    wire_write_u64(frame, (uint64_t)status->st_size);
    wire_write_u32(frame, status->st_uid);
    wire_write_u32(frame, status->st_gid);
    wire_write_u64(frame, (uint64_t)status->st_mtim.tv_sec * 1000000000U + (uint64_t)status->st_mtim.tv_nsec);
    wire_write_cstr(frame, shown);
    wire_write_cstr(frame, owner);
    wire_write_cstr(frame, group);
    wire_write_str(frame, target, target_length > 0 ? (size_t)target_length : 0);
}

/* ---- requests answered at once ---- */

void file_stat(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char path[FILE_PATH_BYTES];
    struct stat status;
    if (!file_request(id, payload, &user, path))
        return;
    bool follow = wire_read_u8(payload) == 1;
    int error = identity_enter(&user);
    if (error == 0) {
        error = fstatat(AT_FDCWD, path, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0 ? -errno : 0;
        if (error == 0) {
            struct accounts accounts = {0};
            struct wire_writer *frame = connection_frame(STAT, id);
            file_write_entry(frame, &accounts, AT_FDCWD, path, path, &status);
            connection_frame_end();
            accounts_free(&accounts);
        }
        identity_leave();
    }
    if (error != 0)
        answer_failure(id, -error, "stat", path);
}

static int make_directory(const char *path, mode_t mode, bool parents) {
    int error = parents ? file_make_parents(path) : 0;
    if (error != 0)
        return error;
    if (mkdir(path, mode) == 0)
        return 0;
    error = -errno;
    struct stat status;
    return parents && stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? 0 : error;
}

void file_mkdir(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char path[FILE_PATH_BYTES];
    if (!file_request(id, payload, &user, path))
        return;
    mode_t mode = wire_read_u32(payload) & MODE_BITS;
    bool parents = wire_read_u8(payload) == 1;
    int error = identity_enter(&user);
    if (error == 0) {
        error = make_directory(path, mode, parents);
        identity_leave();
    }
    file_answer(id, error, "make the directory", path);
}

void file_rename(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char from[FILE_PATH_BYTES];
    char to[FILE_PATH_BYTES];
    if (!file_request(id, payload, &user, from) || !file_request_path(id, payload, &user, to))
        return;
    unsigned flags = wire_read_u8(payload) == 1 ? RENAME_NOREPLACE : 0;
    int error = identity_enter(&user);
    if (error == 0) {
        error = renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) != 0 ? -errno : 0;
        identity_leave();
    }
    file_answer(id, error, "rename", from);
}

void file_chmod(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char path[FILE_PATH_BYTES];
    if (!file_request(id, payload, &user, path))
        return;
    mode_t mode = wire_read_u32(payload) & MODE_BITS;
    int error = identity_enter(&user);
    if (error == 0) {
        error = chmod(path, mode) != 0 ? -errno : 0;
        identity_leave();
    }
    file_answer(id, error, "change the mode of", path);
}

/* As root, because only root gives files away; the path is walked as the user, and a symlink itself is changed, so that
 * nobody can lend the host's word to a file it does not mean. */
void file_chown(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char path[FILE_PATH_BYTES];
    uid_t uid;
    gid_t gid;
    if (!file_request(id, payload, &user, path))
        return;
    struct wire_str owner = wire_read_str(payload);
    if (users_owner(owner, &uid, &gid) != 0) {
        struct text text;
        text_start(&text, "the Tiny VM has no such owner: '");
        text_add_bytes(&text, owner.bytes, owner.length);
        text_add(&text, "' (give name or uid, with optional :group)");
        answer_error(id, EINVAL, &text);
        return;
    }
    int fd = -1;
    int error = identity_enter(&user);
    if (error == 0) {
        fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        error = fd < 0 ? -errno : 0;
        identity_leave();
    }
    if (error == 0 && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) != 0)
        error = -errno;
    if (fd >= 0)
        (void)close(fd);
    file_answer(id, error, "change the owner of", path);
}

void file_symlink(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char target[FILE_PATH_BYTES];
    char path[FILE_PATH_BYTES];
    if (!file_request_user(id, payload, &user))
        return;
    struct wire_str word = wire_read_str(payload);
    if (!file_request_path(id, payload, &user, path))
        return;
    int error = word.length >= sizeof target ? -ENAMETOOLONG : identity_enter(&user);
    if (error == 0) {
        memcpy(target, word.bytes, word.length);
        target[word.length] = '\0';
        error = symlink(target, path) != 0 ? -errno : 0;
        identity_leave();
    }
    file_answer(id, error, "make the symlink", path);
}
