/*
 * Small, checked wrappers around system calls, and the one error convention of the spawner.
 *
 * A function that can fail returns 0 (or a value >= 0) or a negative errno. Where a person has to be told which step
 * failed, a `struct fault` carries the step's name and a sentence; it is filled once, at the place that knows most.
 */
#ifndef SPAWNER_SYS_H
#define SPAWNER_SYS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FAULT_STEP_BYTES = 32, FAULT_TEXT_BYTES = 224, PATH_BYTES = 4096 };

/* What went wrong: a positive errno, the step, a sentence. error == 0 means nothing did. */
struct fault {
    int error;
    char step[FAULT_STEP_BYTES];
    char text[FAULT_TEXT_BYTES];
};

/* Fills *fault and returns -error. error is a positive errno. The errno's own text is appended. */
int fault_set(struct fault *fault, int error, const char *step, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Closes *fd when it is open and makes it -1; errno is kept. */
void fd_close(int *fd);
/* Takes the descriptor out of *fd, which becomes -1. */
int fd_steal(int *fd);

/* snprintf that fails with -ENAMETOOLONG instead of cutting. */
int format_path(char *out, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Opens `path` below dirfd and writes all of `text`. */
int write_file_at(int dirfd, const char *path, const char *text);
int write_file(const char *path, const char *text);
int write_number_at(int dirfd, const char *path, long long number);
/* Creates (or truncates) a file with this mode and content. */
int create_file_at(int dirfd, const char *path, mode_t mode, const void *bytes, size_t length);
/* Reads at most room-1 bytes and ends them with NUL; returns the length or a negative errno. */
ssize_t read_file_at(int dirfd, const char *path, char *out, size_t room);
/* The first number of a file. */
int read_number_at(int dirfd, const char *path, uint64_t *out);
/* The number after `key` and a space in text of "key value" lines; -ENOENT when there is none. */
int find_number(const char *text, const char *key, uint64_t *out);

/* Copies what is left of one open file to another. */
int copy_rest(int from, int to);

/* mkdir, an existing directory is not an error. */
int make_dir_at(int dirfd, const char *path, mode_t mode);
/* mkdir of every component of an absolute path. */
int make_dirs(const char *path, mode_t mode);
/* Removes the directory `name` below dirfd with all that is in it, without following links or crossing mounts. */
int remove_tree_at(int dirfd, const char *name);

/* Monotonic time. */
int64_t now_millis(void);

/* System calls without a wrapper in this libc. */
int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve);
int sys_pidfd_open(pid_t pid);
int sys_pidfd_signal(int pidfd, int signal);
int sys_close_range(unsigned first, unsigned last);

/*
 * Waits for a child that does a short act inside of a wall and ends with its errno, 0 for success; one that takes longer than
 * five seconds is killed. Returns 0 or that errno, negated; -ETIMEDOUT; -EIO when a signal ended it.
 */
int await_inside(pid_t pid);

/* Closes every descriptor but the given ones (and 0, 1, 2). */
int close_all_but(const int *keep, size_t count);
/* The start time of a process in clock ticks since boot: with the pid it names a process for good. */
int process_start_time(pid_t pid, uint64_t *out);

/* Only in the test build: the step that the file `fail-step` in the run directory names is made to fail. */
#ifdef TINYVM_TEST
void test_read_failing_step(void);
bool test_fails(const char *step);
#else
static inline void test_read_failing_step(void) {}
static inline bool test_fails(const char *step) {
    (void)step;
    return false;
}
#endif

#endif
