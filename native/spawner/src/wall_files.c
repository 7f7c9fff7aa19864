/* The files of a wall below the run directory: see wall.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "wall.h"

enum { LISTEN_BACKLOG = 16, SOCKET_PATH_BYTES = sizeof((struct sockaddr_un *)0)->sun_path };

void wall_socket_path(const struct host *host, const char *id, char *out, size_t room) {
    snprintf(out, room, "%s/vms/%s/guest.sock", host->config->run, id);
}

int wall_listen(const char *id, uid_t owner, struct fault *fault) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[128];
    snprintf(path, sizeof path, TREE_VMS "/%s", id);
    if (mkdir(path, 0755) < 0)
        return fault_set(fault, errno, "make-directory", "cannot make the directory vms/%s", id);
    int used = snprintf(address.sun_path, sizeof address.sun_path, TREE_VMS "/%s/guest.sock", id);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = fd < 0 ? -errno : used >= (int)sizeof address.sun_path ? -ENAMETOOLONG : 0;
    /* The mode is set on the socket before it has a name, so that it is never open to others. */
    if (result == 0 && (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
                        chmod(address.sun_path, 0600) < 0 || lchown(address.sun_path, owner, owner) < 0 ||
                        listen(fd, LISTEN_BACKLOG) < 0))
        result = -errno;
    if (result < 0) {
        fd_close(&fd);
        return fault_set(fault, -result, "bind-socket", "cannot listen on vms/%s/guest.sock", id);
    }
    return fd;
}

void wall_remove_files(const char *id) {
    char path[128];
    if (id[0] == 0)
        return;
    snprintf(path, sizeof path, TREE_VMS "/%s/guest.sock", id);
    unlink(path);
    snprintf(path, sizeof path, TREE_VMS "/%s", id);
    if (rmdir(path) < 0 && errno == ENOTEMPTY)
        remove_tree_at(AT_FDCWD, path);
    snprintf(path, sizeof path, TREE_STATE "/%s", id);
    unlink(path);
}

/* One line of fixed length, written by one pwrite: a spawner that is killed leaves the old or the new line. */
enum { STATE_BYTES = 192 };

int wall_write_state(uint32_t slot, const struct wall *wall, bool running) {
    char path[128], line[STATE_BYTES + 1];
    snprintf(path, sizeof path, TREE_STATE "/%s", wall->id);
    int used = snprintf(line, sizeof line, "1 %u %d %" PRIu64 " %" PRIu64 " %d %d %u %" PRIu64 " %u %" PRIu64, slot, wall->pid, wall->start_time,
                        wall->disk_bytes, running ? 1 : 0, (int)wall->runtime, wall->limits.cpu_millis, wall->limits.memory_bytes,
                        wall->limits.pids, wall->cpu_before_micros);
    memset(line + used, ' ', (size_t)(STATE_BYTES - used));
    line[STATE_BYTES - 1] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = fd < 0 ? -errno : 0;
    if (result == 0) {
        ssize_t n = pwrite(fd, line, STATE_BYTES, 0);
        result = n == STATE_BYTES ? 0 : n < 0 ? -errno : -ENOSPC;
    }
    fd_close(&fd);
    return result;
}

int wall_read_state(const char *id, uint32_t *slot, struct wall *wall, bool *running) {
    char path[128], line[STATE_BYTES + 1];
    int flag = 0, runtime = 0;
    if (strlen(id) >= sizeof wall->id)
        return -EINVAL;
    snprintf(path, sizeof path, TREE_STATE "/%s", id);
    ssize_t n = read_file_at(AT_FDCWD, path, line, sizeof line);
    if (n < 0)
        return (int)n;
    if (sscanf(line, "1 %u %d %" SCNu64 " %" SCNu64 " %d %d %u %" SCNu64 " %u %" SCNu64, slot, &wall->pid, &wall->start_time, &wall->disk_bytes, &flag,
               &runtime, &wall->limits.cpu_millis, &wall->limits.memory_bytes, &wall->limits.pids, &wall->cpu_before_micros) < 5 ||
        *slot == 0 || *slot >= SLOTS || runtime < 0 || runtime >= RUNTIMES)
        return -EINVAL;
    wall->runtime = (enum runtime)runtime;
    snprintf(wall->id, sizeof wall->id, "%s", id);
    *running = flag == 1;
    return 0;
}
