/*
 * Netlink requests: a bounded message builder, a transaction that waits for the kernel's answer, a dump.
 *
 * The builder's error is sticky: what does not fit makes it -EMSGSIZE, and nothing is sent then. Nothing here knows what a
 * message means (veth.c and nat.c do). Every wait has an end: the socket's receive timeout is a second.
 */
#ifndef SPAWNER_NETLINK_H
#define SPAWNER_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct nl_buffer {
    uint8_t *bytes;
    size_t room;
    size_t used;
    size_t message; /* where the open message begins */
    uint32_t first;    /* sequence number before the first message */
    uint32_t sequence; /* of the open, or last, message */
    int error;
};

/* This process's socket of a family (NETLINK_ROUTE, NETLINK_NETFILTER), or a negative errno. It stays open, because closing
 * one of nf_tables' waits for a grace period of the kernel's. It belongs to the network namespace it was opened in. */
int nl_socket(int family);
/* In a process made by another, or one that has changed its namespace: the sockets are not its own. */
void nl_forget(void);

void nl_init(struct nl_buffer *buffer, void *bytes, size_t room);
/* Begins a message; `header` is what follows nlmsghdr (ifinfomsg, nfgenmsg, …). NLM_F_REQUEST is added. */
void nl_begin(struct nl_buffer *buffer, uint16_t type, uint16_t flags, const void *header, size_t length);
void nl_end(struct nl_buffer *buffer);
void nl_put(struct nl_buffer *buffer, uint16_t attribute, const void *bytes, size_t length);
void nl_put_u8(struct nl_buffer *buffer, uint16_t attribute, uint8_t value);
void nl_put_u32(struct nl_buffer *buffer, uint16_t attribute, uint32_t value);
void nl_put_be32(struct nl_buffer *buffer, uint16_t attribute, uint32_t value);
/* With its NUL. */
void nl_put_string(struct nl_buffer *buffer, uint16_t attribute, const char *text);
/* Bytes without an attribute's header (the ifinfomsg within a veth's peer). */
void nl_put_raw(struct nl_buffer *buffer, const void *bytes, size_t length);
/* Returns what nl_nest_end needs. */
size_t nl_nest(struct nl_buffer *buffer, uint16_t attribute);
void nl_nest_end(struct nl_buffer *buffer, size_t nest);

/* Sends the messages and waits until the kernel has answered the one that carries NLM_F_ACK: 0 or the first error told. */
int nl_transact(int fd, const struct nl_buffer *buffer, uint32_t acknowledged);
/* Sends one request for a dump and shows every message of the answer. -EINTR: the kernel's tables changed meanwhile. */
int nl_dump(int fd, const struct nl_buffer *buffer, void (*visit)(const struct nlmsghdr *message, void *context), void *context);
/* As nl_dump, of the routing tables and interfaces: one request of this type and header. */
int nl_dump_all(uint16_t type, const void *header, size_t length, void (*visit)(const struct nlmsghdr *message, void *context), void *context);
/* The attribute of this type among `length` bytes of them; NULL when there is none, or less than `minimum` bytes of it. */
const void *nl_find(const void *attributes, size_t length, uint16_t type, size_t minimum, size_t *size);
/* As nl_find, for the attributes behind a message's own header. */
const void *nl_attribute(const struct nlmsghdr *message, size_t header, uint16_t type, size_t minimum, size_t *size);

#endif
