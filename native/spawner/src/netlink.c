/* See netlink.h. */
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "sys.h"

enum { SEND_BUFFER_BYTES = 16 << 20, RECEIVE_BUFFER_BYTES = 1 << 20, ANSWER_BYTES = 65536 };

/* The kernel's NLMSG_ALIGN, NLA_HDRLEN and NLA_ALIGN are signed. */
static const size_t attribute_header = sizeof(struct nlattr);

static size_t align(size_t length) {
    return (length + 3) & ~(size_t)3;
}

static int route_socket = -1, netfilter_socket = -1;
static uint32_t sequence; /* an answer that nobody waited for is never taken for a later one's */

void nl_forget(void) {
    route_socket = netfilter_socket = -1;
}

static int open_socket(int family) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    struct timeval second = {.tv_sec = 1};
    int send = SEND_BUFFER_BYTES, receive = RECEIVE_BUFFER_BYTES, on = 1;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    if (fd < 0)
        return -errno;
    /* A batch is one datagram; where the larger buffers are not allowed, small batches still go through. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof send) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof send);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof receive) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        fd_close(&fd);
        return -errno;
    }
    return fd;
}

int nl_socket(int family) {
    int *kept = family == NETLINK_ROUTE ? &route_socket : &netfilter_socket;
    if (*kept < 0) {
        int fd = open_socket(family);
        if (fd < 0)
            return fd;
        *kept = fd;
    }
    return *kept;
}

void nl_init(struct nl_buffer *buffer, void *bytes, size_t room) {
    *buffer = (struct nl_buffer){.bytes = bytes, .room = room, .first = sequence, .sequence = sequence};
}

static uint8_t *take(struct nl_buffer *buffer, size_t length) {
    size_t padded = align(length);
    if (buffer->error != 0 || padded > buffer->room - buffer->used) {
        buffer->error = -EMSGSIZE;
        return NULL;
    }
    uint8_t *at = buffer->bytes + buffer->used;
    memset(at, 0, padded);
    buffer->used += padded;
    return at;
}

void nl_begin(struct nl_buffer *buffer, uint16_t type, uint16_t flags, const void *header, size_t length) {
    buffer->message = buffer->used;
    struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST), .nlmsg_seq = ++buffer->sequence};
    sequence = buffer->sequence;
    nl_put_raw(buffer, &head, sizeof head);
    nl_put_raw(buffer, header, length);
}

void nl_end(struct nl_buffer *buffer) {
    if (buffer->error != 0)
        return;
    uint32_t length = (uint32_t)(buffer->used - buffer->message);
    memcpy(buffer->bytes + buffer->message + offsetof(struct nlmsghdr, nlmsg_len), &length, sizeof length);
}

void nl_put_raw(struct nl_buffer *buffer, const void *bytes, size_t length) {
    uint8_t *at = take(buffer, length);
    if (at != NULL && length > 0)
        memcpy(at, bytes, length);
}

void nl_put(struct nl_buffer *buffer, uint16_t attribute, const void *bytes, size_t length) {
    if (length > UINT16_MAX - attribute_header) {
        buffer->error = -EMSGSIZE;
        return;
    }
    struct nlattr head = {.nla_len = (uint16_t)(attribute_header + length), .nla_type = attribute};
    nl_put_raw(buffer, &head, sizeof head);
    nl_put_raw(buffer, bytes, length);
}

void nl_put_u8(struct nl_buffer *buffer, uint16_t attribute, uint8_t value) {
    nl_put(buffer, attribute, &value, sizeof value);
}

void nl_put_u32(struct nl_buffer *buffer, uint16_t attribute, uint32_t value) {
    nl_put(buffer, attribute, &value, sizeof value);
}

void nl_put_be32(struct nl_buffer *buffer, uint16_t attribute, uint32_t value) {
    nl_put_u32(buffer, attribute, htonl(value));
}

void nl_put_string(struct nl_buffer *buffer, uint16_t attribute, const char *text) {
    nl_put(buffer, attribute, text, strlen(text) + 1);
}

size_t nl_nest(struct nl_buffer *buffer, uint16_t attribute) {
    size_t at = buffer->used;
    nl_put(buffer, attribute | NLA_F_NESTED, "", 0);
    return at;
}

void nl_nest_end(struct nl_buffer *buffer, size_t nest) {
    size_t length = buffer->used - nest;
    if (length > UINT16_MAX)
        buffer->error = -EMSGSIZE;
    if (buffer->error != 0)
        return;
    uint16_t stored = (uint16_t)length;
    memcpy(buffer->bytes + nest + offsetof(struct nlattr, nla_len), &stored, sizeof stored);
}

static int send_all(int fd, const struct nl_buffer *buffer) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (buffer->error != 0)
        return buffer->error;
    ssize_t n = sendto(fd, buffer->bytes, buffer->used, 0, (struct sockaddr *)&kernel, sizeof kernel);
    return n < 0 ? -errno : (size_t)n == buffer->used ? 0 : -EMSGSIZE;
}

/* One datagram of the kernel's; others cannot send here, and are not believed. */
static ssize_t receive(int fd, uint8_t *out, size_t room) {
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(fd, out, room, MSG_TRUNC, (struct sockaddr *)&from, &length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if ((size_t)n > room)
            return -EMSGSIZE;
        if (from.nl_pid == 0)
            return n;
    }
}

static int error_of(const struct nlmsghdr *message) {
    int error = -EBADMSG;
    if (message->nlmsg_len >= NLMSG_LENGTH(sizeof error))
        memcpy(&error, NLMSG_DATA(message), sizeof error);
    return error;
}

int nl_transact(int fd, const struct nl_buffer *buffer, uint32_t acknowledged) {
    static _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES];
    int result = send_all(fd, buffer), first = 0;
    while (result == 0) {
        ssize_t n = receive(fd, answer, sizeof answer);
        if (n < 0)
            return first != 0 ? first : (int)n;
        struct nlmsghdr *message = (struct nlmsghdr *)(void *)answer;
        for (size_t left = (size_t)n; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_seq - buffer->first - 1 >= buffer->sequence - buffer->first)
                continue;
            int error = error_of(message);
            if (first == 0)
                first = error;
            if (message->nlmsg_seq == acknowledged || error != 0)
                result = 1;
        }
    }
    return result < 0 ? result : first;
}

int nl_dump(int fd, const struct nl_buffer *buffer, void (*visit)(const struct nlmsghdr *message, void *context), void *context) {
    static _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES];
    int result = send_all(fd, buffer);
    bool changed = false;
    while (result == 0) {
        ssize_t n = receive(fd, answer, sizeof answer);
        if (n < 0)
            return (int)n;
        struct nlmsghdr *message = (struct nlmsghdr *)(void *)answer;
        for (size_t left = (size_t)n; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_seq != buffer->sequence)
                continue;
            changed |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (message->nlmsg_type == NLMSG_DONE)
                return changed ? -EINTR : 0;
            if (message->nlmsg_type == NLMSG_ERROR)
                return error_of(message);
            visit(message, context);
            if ((message->nlmsg_flags & NLM_F_MULTI) == 0)
                return 0; /* the answer to a question for one thing */
        }
    }
    return result;
}

int nl_dump_all(uint16_t type, const void *header, size_t length, void (*visit)(const struct nlmsghdr *message, void *context), void *context) {
    uint8_t bytes[128];
    struct nl_buffer buffer;
    nl_init(&buffer, bytes, sizeof bytes);
    nl_begin(&buffer, type, NLM_F_DUMP, header, length);
    nl_end(&buffer);
    int fd = nl_socket(NETLINK_ROUTE);
    int result = fd < 0 ? fd : nl_dump(fd, &buffer, visit, context);
    return result;
}

const void *nl_find(const void *attributes, size_t length, uint16_t type, size_t minimum, size_t *size) {
    const uint8_t *at = attributes;
    while (length >= attribute_header) {
        struct nlattr head;
        memcpy(&head, at, sizeof head);
        if (head.nla_len < attribute_header || head.nla_len > length)
            return NULL;
        if ((head.nla_type & NLA_TYPE_MASK) == type) {
            if (size != NULL)
                *size = head.nla_len - attribute_header;
            return head.nla_len - attribute_header >= minimum ? at + attribute_header : NULL;
        }
        size_t step = align(head.nla_len);
        if (step > length)
            return NULL;
        at += step;
        length -= step;
    }
    return NULL;
}

const void *nl_attribute(const struct nlmsghdr *message, size_t header, uint16_t type, size_t minimum, size_t *size) {
    size_t skip = sizeof(struct nlmsghdr) + align(header);
    return message->nlmsg_len < skip ? NULL : nl_find((const uint8_t *)message + skip, message->nlmsg_len - skip, type, minimum, size);
}
