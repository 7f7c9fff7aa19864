/* See forwarding.h. */
#include "forwarding.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "guard.h"

#define STATE_DIR "/run/tinyvm/network"
#define LOCK_FILE "lock"
#define LIST_FILE "forwarding"
#define NEW_LIST_FILE "forwarding.new"

enum { LOCK_MILLIS = 3000, LOCK_POLL_MILLIS = 2, LIST_BYTES = MAX_UPLINKS * IFNAMSIZ + 1 };

static int directory = -1;

struct opened {
    char names[MAX_UPLINKS][IFNAMSIZ];
    size_t count;
};

int forwarding_open(void) {
    int result = make_dirs(STATE_DIR, 0755);
    if (result < 0)
        return result;
    directory = open(STATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory < 0 ? -errno : 0;
}

size_t forwarding_fds(int *out, size_t room) {
    if (directory < 0 || room == 0)
        return 0;
    out[0] = directory;
    return 1;
}

int forwarding_lock(void) {
    int fd = directory < 0 ? -1 : openat(directory, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return directory < 0 ? -ENOENT : -errno;
    for (int64_t deadline = now_millis() + LOCK_MILLIS; flock(fd, LOCK_EX | LOCK_NB) < 0; (void)poll(NULL, 0, LOCK_POLL_MILLIS)) {
        int error = errno != EWOULDBLOCK && errno != EINTR ? errno : now_millis() > deadline ? ETIMEDOUT : 0;
        if (error != 0) {
            fd_close(&fd);
            return -error;
        }
    }
    return fd;
}

void forwarding_unlock(int *lock) {
    fd_close(lock);
}

/* The names become parts of paths: none that could lead elsewhere. */
static bool is_interface(const char *name) {
    return name[0] != 0 && strlen(name) < IFNAMSIZ && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void read_list(struct opened *opened) {
    char text[LIST_BYTES], *rest = NULL;
    opened->count = 0;
    if (read_file_at(directory, LIST_FILE, text, sizeof text) < 0)
        return;
    for (char *name = strtok_r(text, "\n", &rest); name != NULL && opened->count < MAX_UPLINKS; name = strtok_r(NULL, "\n", &rest))
        if (is_interface(name))
            snprintf(opened->names[opened->count++], IFNAMSIZ, "%s", name);
}

static int write_list(const struct opened *opened) {
    char text[LIST_BYTES] = "";
    size_t used = 0;
    for (size_t i = 0; i < opened->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", opened->names[i]);
    int result = create_file_at(directory, NEW_LIST_FILE, 0600, text, used);
    return result == 0 && renameat(directory, NEW_LIST_FILE, directory, LIST_FILE) < 0 ? -errno : result;
}

static bool contains(const struct opened *opened, const char *name) {
    for (size_t i = 0; i < opened->count; i++)
        if (strcmp(opened->names[i], name) == 0)
            return true;
    return false;
}

static int guard(const struct opened *opened) {
    const char *names[MAX_UPLINKS] = {NULL};
    for (size_t i = 0; i < opened->count; i++)
        names[i] = opened->names[i];
    return guard_set(names, opened->count);
}

static int forwarding_path(char out[128], const char *name) {
    return format_path(out, 128, "/proc/sys/net/ipv4/conf/%s/forwarding", name);
}

static bool forwards(const char *name) {
    char path[128];
    uint64_t value = 1;
    return forwarding_path(path, name) == 0 && read_number_at(AT_FDCWD, path, &value) == 0 && value != 0;
}

static bool host_forwards(void) {
    uint64_t value = 0;
    return read_number_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", &value) == 0 && value != 0;
}

static int set(const char *name, const char *value) {
    char path[128];
    int result = forwarding_path(path, name);
    if (result == 0)
        result = write_file(path, value);
    return result == -ENOENT ? 0 : result; /* the interface is gone */
}

static int forget(void) {
    struct opened none = {.count = 0};
    int result = guard(&none);
    if (result == 0 && unlinkat(directory, LIST_FILE, 0) < 0 && errno != ENOENT)
        result = -errno;
    return result;
}

int forwarding_allow(const struct routes *routes) {
    static struct opened opened;
    read_list(&opened);
    if (host_forwards()) /* somebody made this host a router: it is theirs now */
        return opened.count > 0 ? forget() : 0;
    size_t before = opened.count;
    for (uint32_t i = 0; i < routes->uplink_count; i++) {
        const char *name = routes->uplinks[i].name;
        if (is_interface(name) && !contains(&opened, name) && !forwards(name) && opened.count < MAX_UPLINKS)
            snprintf(opened.names[opened.count++], IFNAMSIZ, "%s", name);
    }
    int result = 0;
    if (opened.count != before) {
        result = write_list(&opened); /* first of all: whoever comes after a crash knows what to close */
        if (result == 0)
            result = guard(&opened);
    }
    for (size_t i = 0; result == 0 && i < opened.count; i++)
        if (!forwards(opened.names[i]))
            result = set(opened.names[i], "1");
    return result;
}

int forwarding_repair(void) {
    static struct opened opened;
    read_list(&opened);
    return opened.count > 0 ? guard(&opened) : 0;
}

int forwarding_release(void) {
    static struct opened opened;
    bool any = true;
    int result = veth_any(&any);
    if (result < 0 || any)
        return result;
    read_list(&opened);
    if (opened.count == 0)
        return 0;
    bool router = host_forwards();
    for (size_t i = 0; result == 0 && !router && i < opened.count; i++)
        result = set(opened.names[i], "0");
    return result == 0 ? forget() : result;
}
