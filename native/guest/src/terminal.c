/* Pseudo terminals: see terminal.h. */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc.h"
#include "text.h"

enum { SLAVE_MODE = 0620 };

/* The slave of an unlocked master. TIOCGPTPEER needs no path, so it cannot be led astray by what is mounted on /dev/pts;
 * kernels without it (gVisor) get the path. */
static int open_slave(int master) {
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave >= 0 || (errno != ENOTTY && errno != EINVAL))
        return slave;
    unsigned number = 0;
    struct text path;
    if (ioctl(master, (ioctl_number)TIOCGPTN, &number) != 0)
        return -1;
    text_start(&path, "/dev/pts/");
    text_add_number(&path, number);
    return open(path.bytes, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int terminal_open(const struct user *user, uint16_t rows, uint16_t columns, int *master, int *slave) {
    int unlock = 0;
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    int controller = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (controller < 0)
        return -errno;
    int terminal = ioctl(controller, TIOCSPTLCK, &unlock) != 0 ? -1 : open_slave(controller);
    bool ready = terminal >= 0 && ioctl(terminal, TIOCSWINSZ, &size) == 0 &&
                 (user->uid == geteuid() || fchown(terminal, user->uid, (gid_t)-1) == 0) && fchmod(terminal, SLAVE_MODE) == 0;
    if (!ready) {
        int error = -errno;
        if (terminal >= 0)
            (void)close(terminal);
        (void)close(controller);
        return error;
    }
    *master = controller;
    *slave = terminal;
    return 0;
}
