/* The event loop: see loop.h. */
#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_PER_WAIT = 64 };

static int epoll_fd = -1;
static bool stopped;
static struct timer *timers; /* ascending deadlines */
static struct epoll_event batch[EVENTS_PER_WAIT];
static int batch_size;

int loop_init(void) {
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll_fd < 0 ? -errno : 0;
}

uint64_t loop_now_micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock and a valid pointer */
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

/* A parked source keeps its place in epoll, so that taking it up again cannot fail for want of memory. Edge-triggered
 * with no events it can wake the loop at most once for a hang-up, and is ignored then. */
static uint32_t mask_of(uint32_t events) {
    return events == 0 ? (uint32_t)EPOLLET : events;
}

int source_open(struct source *source, int fd, uint32_t events) {
    struct epoll_event event = {.events = mask_of(events), .data = {.ptr = source}};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return -errno;
    source->fd = fd;
    source->events = events;
    return 0;
}

static void modify(struct source *source, uint32_t mask) {
    struct epoll_event event = {.events = mask, .data = {.ptr = source}};
    /* The descriptor is registered and open, so this cannot fail (epoll_ctl(2): ENOMEM is for ADD). */
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void source_want(struct source *source, uint32_t events) {
    if (source->fd < 0 || source->events == events)
        return;
    source->events = events;
    modify(source, mask_of(events));
}

void source_want_edges(struct source *source, uint32_t events) {
    if (source->fd < 0)
        return;
    source->events = events | (uint32_t)EPOLLET;
    modify(source, source->events);
}

void source_close(struct source *source) {
    if (source->fd < 0)
        return;
    /* Explicit, because a descriptor that a child still holds would stay registered after close. */
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    (void)close(source->fd);
    source->fd = -1;
    source->events = 0;
    for (int i = 0; i < batch_size; i++)
        if (batch[i].data.ptr == source)
            batch[i].data.ptr = NULL;
}

void timer_disarm(struct timer *timer) {
    if (!timer->armed)
        return;
    struct timer **link = &timers;
    while (*link != timer)
        link = &(*link)->next;
    *link = timer->next;
    timer->armed = false;
}

void timer_arm(struct timer *timer, uint64_t delay_micros, void (*fire)(struct timer *timer)) {
    timer_disarm(timer);
    timer->deadline_micros = loop_now_micros() + delay_micros;
    timer->fire = fire;
    struct timer **link = &timers;
    while (*link != NULL && (*link)->deadline_micros <= timer->deadline_micros)
        link = &(*link)->next;
    timer->next = *link;
    *link = timer;
    timer->armed = true;
}

static void fire_timers(void) {
    if (timers == NULL)
        return;
    uint64_t now = loop_now_micros();
    while (timers != NULL && timers->deadline_micros <= now) {
        struct timer *due = timers;
        timer_disarm(due);
        due->fire(due);
    }
}

/* Milliseconds until the next timer, rounded up so that the loop does not spin in the last one; -1 without timers. */
static int sleep_millis(bool busy) {
    if (busy)
        return 0;
    if (timers == NULL)
        return -1;
    uint64_t now = loop_now_micros();
    if (timers->deadline_micros <= now)
        return 0;
    uint64_t millis = (timers->deadline_micros - now + 999U) / 1000U;
    return millis > 3600000U ? 3600000 : (int)millis;
}

void loop_stop(void) {
    stopped = true;
}

void loop_run(bool (*service)(bool woken)) {
    bool busy = false;
    while (!stopped) {
        int count = epoll_wait(epoll_fd, batch, EVENTS_PER_WAIT, sleep_millis(busy));
        batch_size = count < 0 ? 0 : count; /* only EINTR is possible, after a stop and continue */
        for (int i = 0; i < batch_size; i++) {
            struct source *source = batch[i].data.ptr;
            if (source != NULL && source->events != 0)
                source->ready(source, batch[i].events);
        }
        bool woken = batch_size > 0;
        batch_size = 0;
        fire_timers();
        busy = service(woken);
    }
}
