/* The pipes or the terminal between a process and the guest: see stdio_channels.h. */
#include "stdio_channels.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "messages.h"
#include "terminal.h"

static void forget(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void stdio_channels_close(struct stdio_channels *channels) {
    if (channels->child[2] == channels->child[1])
        channels->child[2] = -1;
    if (channels->child[1] == channels->child[0])
        channels->child[1] = -1;
    for (int i = 0; i < 3; i++)
        forget(&channels->child[i]);
    forget(&channels->guest_input);
    forget(&channels->guest_output[0]);
    forget(&channels->guest_output[1]);
}

/* A pipe whose guest end (0 reads, 1 writes) does not block. It belongs to the user, who may otherwise not open
 * /dev/stdout again. */
static int open_pipe(const struct user *user, int guest_end, int *guest, int *child) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    *guest = ends[guest_end];
    *child = ends[1 - guest_end];
    if (fcntl(*guest, F_SETFL, O_NONBLOCK) != 0)
        return -errno;
    if (user->uid != geteuid() && fchown(*child, user->uid, user->gid) != 0)
        return -errno;
    return 0;
}

static int open_pipes(struct stdio_channels *channels, const struct command *command) {
    int error = 0;
    if ((command->flags & EXEC_STDIN) != 0) {
        error = open_pipe(&command->user, 1, &channels->guest_input, &channels->child[0]);
    } else {
        channels->child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        error = channels->child[0] < 0 ? -errno : 0;
    }
    if (error == 0)
        error = open_pipe(&command->user, 0, &channels->guest_output[0], &channels->child[1]);
    if (error != 0)
        return error;
    if ((command->flags & EXEC_MERGE) != 0) {
        channels->child[2] = channels->child[1];
        return 0;
    }
    return open_pipe(&command->user, 0, &channels->guest_output[1], &channels->child[2]);
}

static int open_terminal(struct stdio_channels *channels, const struct command *command) {
    int error = terminal_open(&command->user, command->rows, command->columns, &channels->guest_output[0], &channels->child[0]);
    if (error != 0)
        return error;
    channels->child[1] = channels->child[0];
    channels->child[2] = channels->child[0];
    /* A second descriptor, because reading and writing are watched apart. */
    channels->guest_input = fcntl(channels->guest_output[0], F_DUPFD_CLOEXEC, 3);
    return channels->guest_input < 0 ? -errno : 0;
}

int stdio_channels_open(struct stdio_channels *channels, const struct command *command) {
    *channels = (struct stdio_channels){.child = {-1, -1, -1}, .guest_input = -1, .guest_output = {-1, -1}};
    int error = (command->flags & EXEC_PTY) != 0 ? open_terminal(channels, command) : open_pipes(channels, command);
    if (error != 0)
        stdio_channels_close(channels);
    return error;
}

int stdio_channels_attach(struct stdio_channels *channels, struct process *process) {
    int error = 0;
    if (channels->guest_input >= 0)
        error = source_open(&process->input.source, channels->guest_input, 0);
    if (error != 0)
        return error;
    channels->guest_input = -1;
    for (int i = 0; i < 2; i++) {
        if (channels->guest_output[i] < 0)
            continue;
        error = source_open(&process->output[i].source, channels->guest_output[i], EPOLLIN);
        if (error != 0)
            return error;
        channels->guest_output[i] = -1;
    }
    return 0;
}
