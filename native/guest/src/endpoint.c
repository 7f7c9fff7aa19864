/*
 * Where hosts come from: see endpoint.h.
 *
 * A serial port (virtio-serial) says hang-up for as long as no host has opened the other side. It is therefore waited for
 * with edge-triggered events, and becomes the connection when bytes arrive; at end of file it is opened anew.
 */
#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "connection.h"
#include "limits.h"
#include "loop.h"

enum { BACKLOG = 16, SOCKET_MODE = 0600 };

static void listener_ready(struct source *source, uint32_t events);
static void port_ready(struct source *source, uint32_t events);

static struct source listener = SOURCE_CLOSED(listener_ready);
static struct source port = SOURCE_CLOSED(port_ready);
static const char *port_path;
static struct timer reopen;
static const char *listen_path;
static char wake_path[sizeof((struct sockaddr_un *)0)->sun_path + sizeof "wake"];

/* ---- sockets ---- */

static void listener_ready(struct source *source, uint32_t events) {
    (void)events;
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        (void)connection_adopt(fd); /* without memory for it the host sees the connection close */
}

int endpoint_listen_fd(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return -errno;
    return source_open(&listener, fd, EPOLLIN);
}

int endpoint_listen_path(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat old;
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    listen_path = path;
    strcpy(address.sun_path, path);
    if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode) && unlink(path) != 0)
        return -errno;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    mode_t mask = umask(0777 & ~SOCKET_MODE);
    int error = bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0 ? -errno : 0;
    (void)umask(mask);
    if (error == 0)
        error = endpoint_listen_fd(fd);
    if (error != 0)
        (void)close(fd);
    return error;
}

const char *endpoint_path(void) {
    return listen_path;
}

const char *endpoint_wake_path(void) {
    const char *slash = strrchr(listen_path, '/');
    size_t directory = slash == NULL ? 0 : (size_t)(slash - listen_path) + 1;
    memcpy(wake_path, listen_path, directory);
    strcpy(wake_path + directory, "wake");
    return wake_path;
}

void endpoint_leave(void) {
    source_close(&listener);
    (void)unlink(listen_path); /* a name that stays is replaced by the next bind */
}

/* ---- serial port ---- */

/* A terminal device (a UART, or a pty in tests) must carry bytes as they are; virtio-serial is none. */
static void make_raw(int fd) {
    struct termios settings;
    if (tcgetattr(fd, &settings) != 0)
        return;
    cfmakeraw(&settings);
    (void)tcsetattr(fd, TCSANOW, &settings);
}

static int open_port(void) {
    int fd = open(port_path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    make_raw(fd);
    int error = source_open(&port, fd, (uint32_t)EPOLLIN | (uint32_t)EPOLLET);
    if (error != 0)
        (void)close(fd);
    return error;
}

static void open_again(struct timer *timer) {
    if (open_port() != 0)
        timer_arm(timer, REOPEN_MICROS, open_again);
}

static void port_closed(void) {
    open_again(&reopen);
}

static void port_ready(struct source *source, uint32_t events) {
    if ((events & EPOLLIN) == 0)
        return; /* the other side is away: an edge tells when it comes */
    int fd = fcntl(source->fd, F_DUPFD_CLOEXEC, 3);
    source_close(source);
    if (fd < 0 || connection_adopt(fd) != 0)
        timer_arm(&reopen, REOPEN_MICROS, open_again);
}

int endpoint_port(const char *path) {
    port_path = path;
    connection_on_close(port_closed);
    return open_port();
}
