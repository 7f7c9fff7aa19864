/* See naming.h. */
#include "naming.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stream.h"
#include "text.h"
#include "users.h"

static bool holds_admin; /* CAP_SYS_ADMIN is permitted to this process */
static bool settled;     /* and to no other, and not in effect */
static char default_user[DEFAULT_USER_MAX_BYTES + 1];

void naming_holds_admin(void) {
    holds_admin = true;
}

static int put_admin_in_effect(bool on) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    uint32_t admin = 1U << CAP_SYS_ADMIN;
    if (syscall(SYS_capget, &header, data) != 0)
        return -errno;
    data[0].effective = on ? data[0].effective | admin : data[0].effective & ~admin;
    data[0].inheritable &= ~admin;
    return syscall(SYS_capset, &header, data) != 0 ? -errno : 0;
}

int naming_settle(void) {
    if (!holds_admin || settled)
        return 0;
    if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) != 0)
        return -errno;
    int error = put_admin_in_effect(false);
    settled = error == 0;
    return error;
}

static int name_host(const char *name) {
    char have[HOSTNAME_MAX_BYTES + 2] = "";
    if (gethostname(have, sizeof have - 1) == 0 && strcmp(have, name) == 0)
        return 0;
    int error = holds_admin ? put_admin_in_effect(true) : 0;
    if (error == 0 && sethostname(name, strlen(name)) != 0)
        error = -errno;
    int lowered = holds_admin ? put_admin_in_effect(false) : 0;
    return error != 0 ? error : lowered;
}

static bool is_hostname(struct wire_str name) {
    if (name.length == 0 || name.length > HOSTNAME_MAX_BYTES || name.bytes[0] == '-')
        return false;
    for (uint32_t i = 0; i < name.length; i++) {
        char c = name.bytes[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* An image without a usable file lives without it. */
static int fill(const char *path, const struct text *text) {
    struct stat info;
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EISDIR || errno == ELOOP || errno == EROFS || errno == ENXIO ? 0 : -errno;
    int result = fstat(fd, &info) != 0 ? -errno : 0;
    if (result == 0 && S_ISREG(info.st_mode) &&
        (ftruncate(fd, 0) != 0 || fchmod(fd, 0644) != 0 || write(fd, text->bytes, text->length) != (ssize_t)text->length))
        result = errno != 0 ? -errno : -ENOSPC;
    (void)close(fd);
    return result;
}

static int set_name(const char *name) {
    struct text text;
    int result = name_host(name);
    if (result != 0)
        return result;
    text_start(&text, name);
    text_add(&text, "\n");
    result = fill("/etc/hostname", &text);
    text_start(&text, "127.0.0.1\tlocalhost\n127.0.1.1\t");
    text_add(&text, name);
    text_add(&text, "\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    return result != 0 ? result : fill("/etc/hosts", &text);
}

void naming_identify(uint32_t id, struct wire_reader *payload) {
    struct wire_str name = wire_read_str(payload), user = wire_read_str(payload);
    char hostname[HOSTNAME_MAX_BYTES + 1];
    struct text text;
    if (!is_hostname(name) || user.length == 0 || user.length > DEFAULT_USER_MAX_BYTES) {
        text_start(&text, "the host name must be 1 to 64 of letters, digits, - and ., the default user 1 to 65 bytes");
        answer_error(id, EINVAL, &text);
        return;
    }
    memcpy(hostname, name.bytes, name.length);
    hostname[name.length] = '\0';
    int error = set_name(hostname);
    if (error == 0)
        error = naming_settle();
    if (error != 0) {
        text_start(&text, "could not set the host name: ");
        text_add_errno(&text, -error);
        answer_error(id, -error, &text);
        return;
    }
    memcpy(default_user, user.bytes, user.length);
    default_user[user.length] = '\0';
    users_set_default(default_user);
    answer_done(id);
}
