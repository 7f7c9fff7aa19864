/* See sys.h. */
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { INSIDE_MILLIS = 5000 };

int fault_set(struct fault *fault, int error, const char *step, const char *format, ...) {
    fault->error = error;
    snprintf(fault->step, sizeof fault->step, "%s", step);
    va_list list;
    va_start(list, format);
    int used = vsnprintf(fault->text, sizeof fault->text, format, list);
    va_end(list);
    if (used >= 0 && (size_t)used < sizeof fault->text)
        snprintf(fault->text + used, sizeof fault->text - (size_t)used, ": %s", strerror(error));
    return -error;
}

#ifdef TINYVM_TEST
static char failing_step[FAULT_STEP_BYTES];

void test_read_failing_step(void) {
    if (read_file_at(AT_FDCWD, "/run/fail-step", failing_step, sizeof failing_step) < 0)
        failing_step[0] = 0;
}

bool test_fails(const char *step) {
    return strcmp(failing_step, step) == 0;
}
#endif

void fd_close(int *fd) {
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
    *fd = -1;
}

int fd_steal(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}

int format_path(char *out, size_t room, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int used = vsnprintf(out, room, format, list);
    va_end(list);
    return used < 0 || (size_t)used >= room ? -ENAMETOOLONG : 0;
}

static int write_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

int write_file_at(int dirfd, const char *path, const char *text) {
    int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, text, strlen(text));
    fd_close(&fd);
    return result;
}

int write_file(const char *path, const char *text) {
    return write_file_at(AT_FDCWD, path, text);
}

int write_number_at(int dirfd, const char *path, long long number) {
    char text[32];
    snprintf(text, sizeof text, "%lld", number);
    return write_file_at(dirfd, path, text);
}

int create_file_at(int dirfd, const char *path, mode_t mode, const void *bytes, size_t length) {
    int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, bytes, length);
    if (result == 0 && fchmod(fd, mode) < 0)
        result = -errno;
    fd_close(&fd);
    return result;
}

ssize_t read_file_at(int dirfd, const char *path, char *out, size_t room) {
    int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t used = 0;
    ssize_t result = 0;
    while (used + 1 < room) {
        ssize_t n = read(fd, out + used, room - 1 - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            result = -errno;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    fd_close(&fd);
    out[used] = 0;
    return result < 0 ? result : (ssize_t)used;
}

int read_number_at(int dirfd, const char *path, uint64_t *out) {
    char text[64];
    ssize_t n = read_file_at(dirfd, path, text, sizeof text);
    if (n < 0)
        return (int)n;
    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    *out = strtoull(text, NULL, 10);
    return 0;
}

int find_number(const char *text, const char *key, uint64_t *out) {
    size_t length = strlen(key);
    for (const char *line = text; line != NULL && *line != 0;) {
        if (strncmp(line, key, length) == 0 && line[length] == ' ') {
            *out = strtoull(line + length + 1, NULL, 10);
            return 0;
        }
        line = strchr(line, '\n');
        if (line != NULL)
            line++;
    }
    return -ENOENT;
}

int copy_rest(int from, int to) {
    char bytes[65536];
    for (;;) {
        ssize_t n = read(from, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        int result = n < 0 ? -errno : write_all(to, bytes, (size_t)n);
        if (n <= 0 || result < 0)
            return result;
    }
}

int make_dir_at(int dirfd, const char *path, mode_t mode) {
    if (mkdirat(dirfd, path, mode) < 0 && errno != EEXIST)
        return -errno;
    return 0;
}

int make_dirs(const char *path, mode_t mode) {
    char copy[PATH_BYTES];
    int result = format_path(copy, sizeof copy, "%s", path);
    for (char *slash = copy + 1; result == 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        result = make_dir_at(AT_FDCWD, copy, mode);
        *slash = '/';
    }
    return result != 0 ? result : make_dir_at(AT_FDCWD, copy, mode);
}

/* One level per call; depth is bounded by the descriptors a process may hold, far beyond what a path can name. */
int remove_tree_at(int dirfd, const char *name) {
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno == ENOTDIR)
        return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -errno;
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        int error = errno;
        fd_close(&fd);
        return -error;
    }
    int result = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int one = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN
                      ? remove_tree_at(fd, entry->d_name)
                      : (unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT ? -errno : 0);
        if (one < 0)
            result = one;
    }
    closedir(dir);
    if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return result < 0 ? result : -errno;
    return 0;
}

int64_t now_millis(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
    long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

int sys_pidfd_open(pid_t pid) {
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}

int sys_pidfd_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int sys_close_range(unsigned first, unsigned last) {
    if (first > last)
        return 0;
    return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

int await_inside(pid_t pid) {
    int pidfd = sys_pidfd_open(pid), status = 0;
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    bool in_time = pidfd >= 0 && poll(&ended, 1, INSIDE_MILLIS) == 1;
    if (!in_time)
        kill(pid, SIGKILL);
    fd_close(&pidfd);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return !in_time ? -ETIMEDOUT : WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int compare_fds(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

int close_all_but(const int *keep, size_t count) {
    int sorted[64];
    if (count > 64)
        return -E2BIG;
    memcpy(sorted, keep, count * sizeof *keep);
    qsort(sorted, count, sizeof *sorted, compare_fds);
    unsigned from = 3;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] < (int)from)
            continue;
        int result = sys_close_range(from, (unsigned)sorted[i] - 1);
        if (result < 0)
            return result;
        from = (unsigned)sorted[i] + 1;
    }
    return sys_close_range(from, ~0U);
}

int process_start_time(pid_t pid, uint64_t *out) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    ssize_t n = read_file_at(AT_FDCWD, path, text, sizeof text);
    if (n < 0)
        return (int)n;
    char *at = strrchr(text, ')'); /* the name may hold anything, even ')' */
    if (at == NULL)
        return -EINVAL;
    at++;
    for (int field = 3; field < 22 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return -EINVAL;
    *out = strtoull(at + 1, NULL, 10);
    return 0;
}
