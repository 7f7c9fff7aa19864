/*
 * FILE_WATCH: one inotify instance a watch; a recursive one has a watch descriptor for each directory of the tree.
 *
 * inotify tells of a new directory only after things may have happened in it, so each new directory is scanned once it is
 * watched, and what is found is reported as created: a file made in that moment may be told twice, never missed. Scans go
 * on in turns; new ones queue. Events are read only while the host has given credit; meanwhile the kernel queues them and
 * says so when they were too many (kind 6).
 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "connection.h"
#include "files.h"
#include "limits.h"
#include "loop.h"
#include "messages.h"
#include "stream.h"
#include "walk.h"
#include "watch_table.h"

enum { EVENT_BUFFER_BYTES = 8192, EVENT_FIXED_BYTES = 5, EVENT_MOST_BYTES = EVENT_FIXED_BYTES + FILE_PATH_BYTES };

static const uint32_t WATCHED_EVENTS = IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
                                       IN_DELETE_SELF | IN_MOVE_SELF;

/* A directory whose content is still to be watched. */
struct scan {
    struct scan *next;
    bool report; /* tell what is found */
    char path[]; /* relative to the root */
};

struct watch {
    struct stream stream;
    struct source source; /* the inotify descriptor */
    struct user user;
    struct watch_table table;
    struct scan *scans;
    struct scan **last_scan;
    struct walk walk; /* of the first scan, when open */
    bool walking;
    bool recursive;
    bool announced;
    size_t event_at;
    size_t event_end;
    char root[FILE_PATH_BYTES];
    uint8_t events[EVENT_BUFFER_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
};

static struct watch *cast(struct stream *stream) {
    return CONTAINER_OF(stream, struct watch, stream);
}

/* ---- telling ---- */

static bool can_tell(const struct watch *watch) {
    return watch->stream.send_credit >= EVENT_MOST_BYTES && connection_room() >= PUMP_ROOM_BYTES / 2;
}

static void tell(struct watch *watch, uint8_t kind, const char *path) {
    struct wire_writer *frame = connection_frame(WATCH_EVENT, watch->stream.id);
    wire_write_u8(frame, kind);
    wire_write_cstr(frame, path);
    watch->stream.send_credit -= EVENT_FIXED_BYTES + strlen(path);
    connection_frame_end();
}

/* directory + "/" + name; false when too long. */
static bool join(char joined[FILE_PATH_BYTES], const char *directory, const char *name) {
    size_t first = strlen(directory);
    size_t second = strlen(name);
    size_t slash = first > 0 && second > 0 && directory[first - 1] != '/' ? 1 : 0;
    if (first + slash + second >= FILE_PATH_BYTES)
        return false;
    memcpy(joined, directory, first);
    if (slash > 0)
        joined[first] = '/';
    memcpy(joined + first + slash, name, second + 1);
    return true;
}

/* ---- watching directories ---- */

/* Watches a directory below the root ("" is the root, which may be a file). */
static int add(struct watch *watch, const char *path) {
    char absolute[FILE_PATH_BYTES];
    uint32_t only = path[0] == '\0' ? 0 : (uint32_t)(IN_ONLYDIR | IN_DONT_FOLLOW);
    if (!join(absolute, watch->root, path))
        return -ENAMETOOLONG;
    int descriptor = inotify_add_watch(watch->source.fd, absolute, WATCHED_EVENTS | only);
    if (descriptor < 0)
        return -errno;
    return watch_table_put(&watch->table, descriptor, path);
}

static int queue_scan(struct watch *watch, const char *path, bool report) {
    size_t length = strlen(path);
    struct scan *scan = malloc(sizeof *scan + length + 1);
    if (scan == NULL)
        return -ENOMEM;
    scan->next = NULL;
    scan->report = report;
    memcpy(scan->path, path, length + 1);
    *watch->last_scan = scan;
    watch->last_scan = &scan->next;
    return 0;
}

static void drop_scan(struct watch *watch) {
    struct scan *scan = watch->scans;
    if (watch->walking)
        walk_close(&watch->walk);
    watch->walking = false;
    watch->scans = scan->next;
    if (watch->scans == NULL)
        watch->last_scan = &watch->scans;
    free(scan);
}

/* Below the root only running out of watches is an error worth ending for: what vanished or may not be seen is not. */
static int serious(int error) {
    return error == -ENOSPC || error == -ENOMEM ? error : 0;
}

static int visit(struct watch *watch, const struct scan *scan) {
    char path[FILE_PATH_BYTES];
    struct stat status;
    struct walk *walk = &watch->walk;
    if (!join(path, scan->path, walk->path))
        return 0;
    if (fstatat(walk_directory(walk), walk_name(walk), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (scan->report)
        tell(watch, WATCH_CREATE, path);
    if (!S_ISDIR(status.st_mode))
        return 0;
    int error = add(watch, path);
    if (error == 0)
        (void)walk_enter(walk); /* unreadable: its own events are seen all the same */
    return serious(error);
}

/* One entry of the first scan. 0 or a negative errno. */
static int scan_step(struct watch *watch) {
    struct scan *scan = watch->scans;
    char absolute[FILE_PATH_BYTES];
    if (!watch->walking) {
        int error = join(absolute, watch->root, scan->path) ? walk_open(&watch->walk, absolute) : -ENAMETOOLONG;
        if (error != 0) {
            drop_scan(watch);
            return serious(error);
        }
        watch->walking = true;
    }
    if (walk_next(&watch->walk) == 1)
        return visit(watch, scan);
    drop_scan(watch);
    return 0;
}

/* ---- events ---- */

static void unwatch(int descriptor, void *context) {
    (void)inotify_rm_watch(((struct watch *)context)->source.fd, descriptor); /* EINVAL: removed by the kernel already */
}

static uint8_t kind_of(uint32_t mask) {
    if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0)
        return WATCH_CREATE;
    if ((mask & IN_MODIFY) != 0)
        return WATCH_WRITE;
    if ((mask & (IN_DELETE | IN_DELETE_SELF)) != 0)
        return WATCH_REMOVE;
    if ((mask & (IN_MOVED_FROM | IN_MOVE_SELF)) != 0)
        return WATCH_RENAME;
    return (mask & IN_ATTRIB) != 0 ? WATCH_CHMOD : 0;
}

static int follow_directory(struct watch *watch, uint32_t mask, const char *path) {
    if ((mask & IN_MOVED_FROM) != 0)
        watch_table_remove_tree(&watch->table, path, unwatch, watch);
    if ((mask & (IN_CREATE | IN_MOVED_TO)) == 0)
        return 0;
    int error = add(watch, path);
    return error == 0 ? queue_scan(watch, path, true) : serious(error);
}

static int take_event(struct watch *watch, const struct inotify_event *event) {
    char path[FILE_PATH_BYTES];
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        tell(watch, WATCH_OVERFLOW, "");
        return watch->recursive ? queue_scan(watch, "", false) : 0; /* directories may have been missed */
    }
    const char *directory = watch_table_path(&watch->table, event->wd);
    if (directory == NULL)
        return 0;
    if ((event->mask & IN_IGNORED) != 0) {
        watch_table_remove(&watch->table, event->wd);
        return 0;
    }
    /* What a directory below tells of itself its parent tells, too. */
    if (event->len == 0 && directory[0] != '\0')
        return 0;
    uint8_t kind = kind_of(event->mask);
    if (kind == 0 || !join(path, directory, event->len > 0 ? event->name : ""))
        return 0;
    tell(watch, kind, path);
    return watch->recursive && event->len > 0 && (event->mask & IN_ISDIR) != 0 ? follow_directory(watch, event->mask, path)
                                                                              : 0;
}

/* Handles the next event. 1 handled, 0 none there, or a negative errno. */
static int event_step(struct watch *watch) {
    if (watch->event_at == watch->event_end) {
        ssize_t count = read(watch->source.fd, watch->events, sizeof watch->events);
        if (count <= 0)
            return count < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
        watch->event_at = 0;
        watch->event_end = (size_t)count;
    }
    const struct inotify_event *event = (const struct inotify_event *)(const void *)(watch->events + watch->event_at);
    watch->event_at += sizeof *event + event->len;
    int error = take_event(watch, event);
    return error == 0 ? 1 : error;
}

/* ---- the stream ---- */

static void ready(struct source *source, uint32_t events) {
    (void)events;
    source_want(source, 0);
    stream_wake(&CONTAINER_OF(source, struct watch, source)->stream);
}

/* A bounded piece of work. 1: there is more, 0: nothing to do now, or a negative errno. */
static int work(struct watch *watch) {
    for (int i = 0; i < FILES_PER_TURN; i++) {
        /* The first scan says nothing and must end before WATCHING; after that each step may tell one thing. */
        if (watch->announced && !can_tell(watch))
            return watch->stream.send_credit >= EVENT_MOST_BYTES ? 1 : 0;
        int state;
        if (watch->scans != NULL) {
            state = scan_step(watch);
        } else if (!watch->announced) {
            connection_frame(WATCHING, watch->stream.id);
            connection_frame_end();
            watch->announced = true;
            state = 0;
        } else {
            state = event_step(watch);
            if (state == 0)
                return 0;
        }
        if (state < 0)
            return state;
    }
    return 1;
}

static bool pump(struct stream *stream) {
    struct watch *watch = cast(stream);
    int state = identity_enter(&watch->user);
    if (state == 0) {
        state = work(watch);
        identity_leave();
    }
    if (state < 0) {
        stream_failure(stream, -state, "go on watching", watch->root);
        return false;
    }
    if (state == 0 && stream->send_credit >= EVENT_MOST_BYTES)
        source_want(&watch->source, EPOLLIN); /* else WINDOW wakes the stream */
    return state == 1;
}

static void forget(struct watch *watch) {
    while (watch->scans != NULL)
        drop_scan(watch);
    watch_table_free(&watch->table);
    source_close(&watch->source);
    free(watch);
}

static void release(struct stream *stream) {
    forget(cast(stream));
}

static int begin(struct watch *watch) {
    struct stat status;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    int error = source_open(&watch->source, fd, 0);
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    error = identity_enter(&watch->user);
    if (error != 0)
        return error;
    error = add(watch, "");
    bool tree = error == 0 && watch->recursive && stat(watch->root, &status) == 0 && S_ISDIR(status.st_mode);
    identity_leave();
    return tree ? queue_scan(watch, "", false) : error;
}

void file_watch(uint32_t id, struct wire_reader *payload) {
    static const struct stream_class class = {.pump = pump, .release = release};
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        answer_failure(id, ENOMEM, "watch", NULL);
        return;
    }
    watch->source = SOURCE_CLOSED(ready);
    watch->last_scan = &watch->scans;
    if (!file_request(id, payload, &watch->user, watch->root)) {
        free(watch);
        return;
    }
    watch->recursive = wire_read_u8(payload) == 1;
    int error = begin(watch);
    if (error == 0)
        error = stream_open(&watch->stream, id, &class);
    if (error != 0) {
        answer_failure(id, -error, "watch", watch->root);
        forget(watch);
        return;
    }
    stream_wake(&watch->stream);
}
