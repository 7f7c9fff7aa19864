/* FILE_XATTRS, FILE_SET_XATTR, FILE_REMOVE_XATTR: extended attributes of the namespace user (xattr(7)), as text, answered at once. */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "connection.h"
#include "files.h"
#include "limits.h"
#include "messages.h"
#include "stream.h"

#define NAMESPACE "user."

/* Names and values of one file; the guest has one thread, and its answers never wait. */
static char names[XATTR_LIST_MAX];
static char value[LIMIT_ATTRIBUTE_BYTES];

static bool is_users(const char *name) {
    return strncmp(name, NAMESPACE, sizeof NAMESPACE - 1) == 0 && name[sizeof NAMESPACE - 1] != '\0';
}

/* Appends the attributes to the frame; those that cannot be told (too long, not text, just removed) are passed over. Returns how
 * many, or a negative errno: E2BIG when they are more than one answer holds. */
static int write_attributes(struct wire_writer *frame, const char *path) {
    ssize_t listed = listxattr(path, names, sizeof names);
    size_t used = 0;
    int count = 0;
    if (listed < 0)
        return errno == ENOTSUP ? 0 : -errno;
    for (const char *name = names; name < names + listed; name += strlen(name) + 1) {
        if (!is_users(name))
            continue;
        ssize_t length = getxattr(path, name, value, sizeof value);
        if (length < 0 && errno != ERANGE && errno != ENODATA)
            return -errno;
        if (length < 0 || (length > 0 && memchr(value, 0, (size_t)length) != NULL))
            continue;
        used += strlen(name) + (size_t)length;
        if (used > LIMIT_ATTRIBUTES_BYTES || count == LIMIT_ATTRIBUTES)
            return -E2BIG;
        wire_write_cstr(frame, name);
        wire_write_str(frame, value, (size_t)length);
        count++;
    }
    return count;
}

void file_xattrs(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char path[FILE_PATH_BYTES];
    if (!file_request(id, payload, &user, path))
        return;
    int count = identity_enter(&user);
    if (count == 0) {
        struct wire_writer *frame = connection_frame(XATTRS, id);
        uint8_t *counter = frame->at;
        wire_write_u32(frame, 0);
        count = write_attributes(frame, path);
        if (count >= 0) {
            struct wire_writer patch;
            wire_writer_init(&patch, counter, sizeof(uint32_t));
            wire_write_u32(&patch, (uint32_t)count);
            connection_frame_end();
        } /* else the frame that was begun is never ended, and the ERROR takes its place */
        identity_leave();
    }
    if (count < 0)
        answer_failure(id, -count, "read the attributes of", path);
}

/* Reads an attribute's name; false: answered with ERROR. */
static bool attribute_name(uint32_t id, struct wire_reader *payload, char name[XATTR_NAME_MAX + 1]) {
    struct wire_str word = wire_read_str(payload);
    if (word.length <= XATTR_NAME_MAX) {
        memcpy(name, word.bytes, word.length);
        name[word.length] = '\0';
        if (is_users(name))
            return true;
    }
    struct text text;
    text_start(&text, "an attribute's name begins with " NAMESPACE " and has at most 255 bytes");
    answer_error(id, EINVAL, &text);
    return false;
}

void file_set_xattr(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char path[FILE_PATH_BYTES];
    char name[XATTR_NAME_MAX + 1];
    if (!file_request(id, payload, &user, path) || !attribute_name(id, payload, name))
        return;
    struct wire_str word = wire_read_str(payload);
    int error = word.length > LIMIT_ATTRIBUTE_BYTES ? -E2BIG : identity_enter(&user);
    if (error == 0) {
        error = setxattr(path, name, word.bytes, word.length, 0) != 0 ? -errno : 0;
        identity_leave();
    }
    file_answer(id, error, "set an attribute of", path);
}

void file_remove_xattr(uint32_t id, struct wire_reader *payload) {
    struct user user;
    char path[FILE_PATH_BYTES];
    char name[XATTR_NAME_MAX + 1];
    if (!file_request(id, payload, &user, path) || !attribute_name(id, payload, name))
        return;
    int error = identity_enter(&user);
    if (error == 0) {
        error = removexattr(path, name) != 0 && errno != ENODATA ? -errno : 0;
        identity_leave();
    }
    file_answer(id, error, "remove an attribute of", path);
}
