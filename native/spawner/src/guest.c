/*
 * The guest's program: read once, kept in a sealed memfd that every wall executes. All Tiny VMs share its pages, no name
 * in any mount tree leads to it, and the seals make it impossible to change, also through /proc/self/exe.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wall.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

static int copy(int from, int to, off_t size) {
    while (size > 0) {
        ssize_t n = sendfile(to, from, NULL, (size_t)size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        size -= n;
    }
    return 0;
}

int guest_load(const char *path) {
    struct stat info;
    char magic[4], link[64];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -errno;
    int result = fstat(file, &info) < 0 ? -errno : 0;
    if (result == 0 && (!S_ISREG(info.st_mode) || pread(file, magic, 4, 0) != 4 || memcmp(magic, "\177ELF", 4) != 0))
        result = -ENOEXEC;
    int memory = result < 0 ? -1 : memfd_create("tinyvm-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (result == 0 && memory < 0 && errno == EINVAL)
        memory = memfd_create("tinyvm-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (result == 0 && memory < 0)
        result = -errno;
    if (result == 0)
        result = copy(file, memory, info.st_size);
    if (result == 0 && (fchmod(memory, 0555) < 0 ||
                        fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0))
        result = -errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", memory);
    int readable = result < 0 ? -1 : open(link, O_RDONLY | O_CLOEXEC);
    if (result == 0 && readable < 0)
        result = -errno;
    fd_close(&memory);
    fd_close(&file);
    return result < 0 ? result : readable;
}
