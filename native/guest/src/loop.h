/*
 * The event loop: one thread, one epoll descriptor, level-triggered sources, one-shot timers, no periodic wake-ups.
 * Errors are negative errno values throughout the guest.
 */
#ifndef GUEST_LOOP_H
#define GUEST_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The structure that embeds `member` at `pointer`. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A descriptor watched by the loop. It owns the descriptor. Embedded in its user, which may be freed at any time after
 * source_close, also from within a handler. */
struct source {
    int fd; /* -1 when closed */
    uint32_t events;
    void (*ready)(struct source *source, uint32_t events);
};

#define SOURCE_CLOSED(handler) ((struct source){.fd = -1, .events = 0, .ready = (handler)})

/* A one-shot timer, embedded in its user; zero-initialised is disarmed. */
struct timer {
    uint64_t deadline_micros;
    void (*fire)(struct timer *timer);
    struct timer *next;
    bool armed;
};

int loop_init(void);
/* Runs until loop_stop. `service` is called once per turn after the events (`woken`: there were some); while it returns
 * true the loop does not sleep. */
void loop_run(bool (*service)(bool woken));
void loop_stop(void);

/* Takes over fd and watches it for `events` (EPOLLIN, EPOLLOUT; 0 parks it). On failure fd stays the caller's. */
int source_open(struct source *source, int fd, uint32_t events);
/* Changes the interest. 0 parks the source: even a hang-up does not wake the loop then. */
void source_want(struct source *source, uint32_t events);
/* Wakes on changes only (EPOLLET): for a serial port whose other side is away, which would report hang-up for ever. */
void source_want_edges(struct source *source, uint32_t events);
/* Closes the descriptor; nothing happens when it is closed already. */
void source_close(struct source *source);

void timer_arm(struct timer *timer, uint64_t delay_micros, void (*fire)(struct timer *timer));
void timer_disarm(struct timer *timer);

/* CLOCK_MONOTONIC in microseconds. */
uint64_t loop_now_micros(void);

#endif
