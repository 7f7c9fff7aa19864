/* Where hosts come from: a listening Unix socket, or a serial port that is one connection after another. */
#ifndef GUEST_ENDPOINT_H
#define GUEST_ENDPOINT_H

/* fd is a bound, listening Unix stream socket. 0 or a negative errno. */
int endpoint_listen_fd(int fd);
/* Binds and listens at path (an old socket there is replaced). 0 or a negative errno. */
int endpoint_listen_path(const char *path);
/* What endpoint_listen_path was called with, NULL when it was not, and the file beside it that ends a SUSPEND. */
const char *endpoint_path(void);
const char *endpoint_wake_path(void);
/* Closes the listening socket and takes its name away. */
void endpoint_leave(void);
/* Opens a character device. 0 or a negative errno. */
int endpoint_port(const char *path);

#endif
