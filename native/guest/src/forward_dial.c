/* DIAL: connects to 127.0.0.1, then ::1, and relays. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "forward.h"
#include "relay.h"

/* Starts connecting. 0: wait for the socket, or a negative errno. */
static int start(struct relay *relay) {
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(relay->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(relay->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr *address = relay->second_try ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
    socklen_t length = relay->second_try ? sizeof six : sizeof four;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = connect(fd, address, length) != 0 && errno != EINPROGRESS ? -errno : 0;
    if (error == 0)
        error = source_open(&relay->source, fd, EPOLLOUT);
    if (error != 0)
        (void)close(fd);
    return error;
}

/* What to do about an attempt that ended with `error` (0 or negative): the next address, or the news. The error of
 * 127.0.0.1 is the one told: where there is no IPv6, ::1 says nothing of interest. */
static void attempted(struct relay *relay, int error) {
    if (error == 0)
        return;
    source_close(&relay->source);
    if (!relay->second_try) {
        relay->second_try = true;
        relay->first_error = -error;
        attempted(relay, start(relay));
        return;
    }
    relay->error = relay->first_error;
    stream_wake(&relay->stream);
}

void relay_connect_ready(struct relay *relay) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(relay->source.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error != 0) {
        attempted(relay, -error);
        return;
    }
    relay->state = RELAY_OPEN;
    relay->announce = true;
    source_want(&relay->source, EPOLLIN);
    stream_wake(&relay->stream);
}

void forward_dial(uint32_t id, struct wire_reader *payload) {
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL) {
        answer_failure(id, ENOMEM, "connect to the port", NULL);
        return;
    }
    relay->port = wire_read_u16(payload);
    int error = relay->port == 0 ? -EINVAL : relay_open(relay, id, RELAY_CONNECTING);
    if (error != 0) {
        free(relay);
        answer_failure(id, -error, "connect to the port", NULL);
        return;
    }
    attempted(relay, start(relay));
}
