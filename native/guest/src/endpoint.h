/* Where hosts come from: a listening Unix socket, or a serial port that is one connection after another. */
#ifndef GUEST_ENDPOINT_H
#define GUEST_ENDPOINT_H

/* fd is a bound, listening Unix stream socket. 0 or a negative errno. */
int endpoint_listen_fd(int fd);
/* Binds and listens at path (an old socket there is replaced). 0 or a negative errno. */
int endpoint_listen_path(const char *path);
/* Opens a character device. 0 or a negative errno. */
int endpoint_port(const char *path);

#endif
