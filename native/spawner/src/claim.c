/* See claim.h. */
#include "claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CLAIM_DIR "/run/tinyvm/uids"

static void claim_path(char *out, size_t room, uint32_t block) {
    snprintf(out, room, CLAIM_DIR "/%u", block);
}

/* A claim nobody holds the lock of is free when it names no run directory, or one that is gone. */
static bool is_abandoned(const char *owner) {
    return owner[0] == 0 || access(owner, F_OK) < 0;
}

/* Tries one block: 1 taken, 0 not. `rank` 0 takes only what this run directory had, 1 also free ones. */
static int try_block(uint32_t block, const char *run, int rank, struct claim *claim) {
    char path[64], owner[PATH_BYTES];
    claim_path(path, sizeof path, block);
    ssize_t n = read_file_at(AT_FDCWD, path, owner, sizeof owner);
    bool mine = n > 0 && strcmp(owner, run) == 0;
    if (!mine && (rank == 0 || (n > 0 && !is_abandoned(owner))))
        return 0;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int result = errno == EWOULDBLOCK ? 0 : -errno;
        fd_close(&fd);
        return result;
    }
    /* Between the open and the lock the last owner may have removed the file: then the lock holds nothing. */
    char link[64], now[128];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, now, sizeof now - 1);
    n = n < 0 ? 0 : n;
    now[n] = 0;
    bool same = strcmp(now, path) == 0;
    n = pread(fd, owner, sizeof owner - 1, 0);
    owner[n < 0 ? 0 : n] = 0;
    if (!same || (strcmp(owner, run) != 0 && !is_abandoned(owner))) {
        fd_close(&fd);
        return 0;
    }
    size_t length = strlen(run);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, run, length, 0) != (ssize_t)length) {
        int error = errno;
        fd_close(&fd);
        return -error;
    }
    claim->block = block;
    claim->fd = fd;
    return 1;
}

int claim_take(const char *run, struct claim *claim, struct fault *fault) {
    int result = make_dirs(CLAIM_DIR, 0755);
    for (int rank = 0; rank < 2; rank++)
        for (uint32_t block = 1; result == 0 && block <= CLAIM_BLOCKS; block++)
            result = try_block(block, run, rank, claim);
    if (result == 1) {
        claim->dir = open(CLAIM_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return claim->dir >= 0 ? 0 : fault_set(fault, errno, "claim-uids", "cannot open " CLAIM_DIR);
    }
    if (result == 0)
        return fault_set(fault, EUSERS, "claim-uids",
                         "all %d uid blocks are claimed by other run directories (see " CLAIM_DIR ")", CLAIM_BLOCKS);
    return fault_set(fault, -result, "claim-uids", "cannot claim uids in " CLAIM_DIR);
}

void claim_release(struct claim *claim) {
    char name[16];
    snprintf(name, sizeof name, "%u", claim->block);
    if (claim->dir >= 0)
        unlinkat(claim->dir, name, 0);
    fd_close(&claim->dir);
    fd_close(&claim->fd);
}
