/* The table of messages: see messages.h. */
#include "messages.h"

#include <errno.h>

/* entry = u8 type, u32 mode, u64 size, u32 uid, u32 gid, u64 modified, str path, str owner, str group, str linkTarget */
#define ENTRY "148448ssss"

static const struct message messages[] = {
    {"HELLO", "224", HELLO, FROM_HOST, ON_CONNECTION},
    {"WELCOME", "2s84", WELCOME, FROM_GUEST, ON_CONNECTION},
    {"ERROR", "4s", ERROR, FROM_GUEST, ON_ANY},
    {"PING", "8", PING, BOTH_WAYS, ON_CONNECTION},
    {"PONG", "8", PONG, BOTH_WAYS, ON_CONNECTION},
    {"WINDOW", "4", WINDOW, BOTH_WAYS, ON_STREAM},
    {"CANCEL", "", CANCEL, BOTH_WAYS, ON_STREAM},
    {"DONE", "", DONE, FROM_GUEST, ON_STREAM},
    {"DATA", "+", DATA, BOTH_WAYS, ON_STREAM},
    {"END", "", END, BOTH_WAYS, ON_STREAM},
    {"EXEC", "4sssLL22", EXEC, FROM_HOST, OPENS},
    {"STARTED", "44", STARTED, FROM_GUEST, ON_STREAM},
    {"STDOUT", "8+", STDOUT, FROM_GUEST, ON_STREAM},
    {"STDERR", "8+", STDERR, FROM_GUEST, ON_STREAM},
    {"STDIN", "+", STDIN, FROM_HOST, ON_STREAM},
    {"CLOSE_STDIN", "", CLOSE_STDIN, FROM_HOST, ON_STREAM},
    {"SIGNAL", "1b", SIGNAL, FROM_HOST, ON_STREAM},
    {"RESIZE", "22", RESIZE, FROM_HOST, ON_STREAM},
    {"EXITED", "4188", EXITED, FROM_GUEST, ON_STREAM},
    {"LIST", "", LIST, FROM_HOST, OPENS},
    {"PROCESSES", "b(44b4sL8)", PROCESSES, FROM_GUEST, ON_STREAM},
    {"ATTACH", "488", ATTACH, FROM_HOST, OPENS},
    {"ACK", "88", ACK, FROM_HOST, ON_STREAM},
    {"FORGET", "4", FORGET, FROM_HOST, OPENS},
    {"FILE_STAT", "ssb", FILE_STAT, FROM_HOST, OPENS},
    {"STAT", ENTRY, STAT, FROM_GUEST, ON_STREAM},
    {"FILE_LIST", "ss4", FILE_LIST, FROM_HOST, OPENS},
    {"ENTRIES", "(" ENTRY ")", ENTRIES, FROM_GUEST, ON_STREAM},
    {"FILE_MKDIR", "ss4b", FILE_MKDIR, FROM_HOST, OPENS},
    {"FILE_RENAME", "sssb", FILE_RENAME, FROM_HOST, OPENS},
    {"FILE_REMOVE", "ssb", FILE_REMOVE, FROM_HOST, OPENS},
    {"FILE_READ", "ss88", FILE_READ, FROM_HOST, OPENS},
    {"FILE_WRITE", "ss41", FILE_WRITE, FROM_HOST, OPENS},
    {"FILE_WATCH", "ssb", FILE_WATCH, FROM_HOST, OPENS},
    {"WATCHING", "", WATCHING, FROM_GUEST, ON_STREAM},
    {"WATCH_EVENT", "1s", WATCH_EVENT, FROM_GUEST, ON_STREAM},
    {"FILE_CHMOD", "ss4", FILE_CHMOD, FROM_HOST, OPENS},
    {"FILE_CHOWN", "sss", FILE_CHOWN, FROM_HOST, OPENS},
    {"FILE_SYMLINK", "sss", FILE_SYMLINK, FROM_HOST, OPENS},
    {"DIAL", "2", DIAL, FROM_HOST, OPENS},
    {"DIALED", "", DIALED, BOTH_WAYS, ON_STREAM},
    {"LISTEN", "2", LISTEN, FROM_HOST, OPENS},
    {"INBOUND", "42", INBOUND, FROM_GUEST, OPENS},
    {"DATAGRAMS", "2", DATAGRAMS, FROM_HOST, OPENS},
    {"DATAGRAM", "2+", DATAGRAM, BOTH_WAYS, ON_STREAM},
    {"FILE_XATTRS", "ss", FILE_XATTRS, FROM_HOST, OPENS},
    {"XATTRS", "(ss)", XATTRS, FROM_GUEST, ON_STREAM},
    {"FILE_SET_XATTR", "ssss", FILE_SET_XATTR, FROM_HOST, OPENS},
    {"FILE_REMOVE_XATTR", "sss", FILE_REMOVE_XATTR, FROM_HOST, OPENS},
    {"STATS", "", STATS, FROM_HOST, OPENS},
    {"STATISTICS", "84888", STATISTICS, FROM_GUEST, ON_STREAM},
    {"IDENTIFY", "ss", IDENTIFY, FROM_HOST, OPENS},
    {"SUSPEND", "4", SUSPEND, FROM_HOST, OPENS},
    {"SHUTDOWN", "4", SHUTDOWN, FROM_HOST, OPENS},
};

const struct message *message_find(uint8_t type) {
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        if (messages[i].type == type)
            return &messages[i];
    return NULL;
}

static bool scope_allows(const struct message *message, uint32_t stream, enum message_direction direction) {
    switch ((enum message_scope)message->scope) {
    case ON_CONNECTION: return stream == 0;
    case OPENS: return stream != 0 && (stream >= FIRST_GUEST_STREAM) == (direction == FROM_GUEST);
    case ON_STREAM: return stream != 0;
    case ON_ANY: return true;
    }
    return false;
}

int message_check(const struct wire_frame *frame, enum message_direction direction) {
    const struct message *message = message_find(frame->type);
    if (message == NULL || frame->flags != 0 || (message->direction & direction) == 0)
        return -EBADMSG;
    if (!scope_allows(message, frame->stream, direction))
        return -EBADMSG;
    return wire_check(message->schema, frame->payload, frame->length);
}
