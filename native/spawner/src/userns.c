/* See userns.h. */
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys.h"

enum { IDS = 65536 };

int userns_make(const char *uid_map, const char *gid_map) {
    /* A helper lives just long enough to have the maps written: only its parent, with CAP_SETUID outside, may. */
    pid_t parent = getpid();
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent) /* it may have ended before the line above */
            pause();
        _exit(0);
    }
    char path[64];
    int fd = -1;
    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    int result = write_file(path, uid_map);
    snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
    if (result == 0)
        result = write_file(path, gid_map);
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    if (result == 0 && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        result = -errno;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return result < 0 ? result : fd;
}

int userns_for_slot(uid_t base) {
    char map[64];
    snprintf(map, sizeof map, "0 %u %u\n", base, IDS);
    return userns_make(map, map);
}

/* On disk -> seen by the kernel: `owner` is base+inside, VOLUME_UIDS+n is base+n for every other n. */
static void volume_map(char *out, size_t room, uid_t base, uid_t owner, uid_t inside) {
    if (owner == 0 || (owner >= VOLUME_UIDS && owner - VOLUME_UIDS < IDS)) {
        snprintf(out, room, "%u %u %u\n", VOLUME_UIDS, base, IDS);
        return;
    }
    int used = snprintf(out, room, "%u %u 1\n", owner, base + inside);
    if (inside > 0)
        used += snprintf(out + used, room - (size_t)used, "%u %u %u\n", VOLUME_UIDS, base, inside);
    if (inside < IDS - 1)
        snprintf(out + used, room - (size_t)used, "%u %u %u\n", VOLUME_UIDS + inside + 1, base + inside + 1,
                 IDS - 1 - inside);
}

int userns_for_volume(uid_t base, uid_t uid, gid_t gid, uid_t inside_uid) {
    char uid_map[160], gid_map[160];
    if (inside_uid >= IDS)
        return -EINVAL;
    volume_map(uid_map, sizeof uid_map, base, uid, inside_uid);
    volume_map(gid_map, sizeof gid_map, base, gid, inside_uid);
    return userns_make(uid_map, gid_map);
}
