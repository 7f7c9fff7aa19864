/* SUSPEND: see suspend.h. */
#include "suspend.h"

#include <errno.h>
#include <unistd.h>

#include "connection.h"
#include "endpoint.h"
#include "limits.h"
#include "loop.h"
#include "stream.h"

static enum { AWAKE, LEAVING, AWAY } state;
static struct timer look;
static uint64_t away_micros;
static uint64_t deadline_micros;

static void look_for_wake(struct timer *timer) {
    bool woken = access(endpoint_wake_path(), F_OK) == 0 || loop_now_micros() >= deadline_micros;
    /* A socket that cannot be bound now (no memory, no space) is tried again: nobody else could reach this machine. */
    if (woken && endpoint_listen_path(endpoint_path()) == 0) {
        state = AWAKE;
        return;
    }
    timer_arm(timer, WAKE_POLL_MICROS, look_for_wake);
}

bool suspend_check(void) {
    if (state != LEAVING || !connection_flushed())
        return false;
    state = AWAY;
    (void)unlink(endpoint_wake_path()); /* of an earlier time */
    endpoint_leave();
    connection_close(); /* last: whoever sees it knows that all is let go */
    deadline_micros = loop_now_micros() + away_micros;
    timer_arm(&look, WAKE_POLL_MICROS, look_for_wake);
    return false;
}

void suspend_request(uint32_t id, struct wire_reader *payload) {
    uint32_t millis = wire_read_u32(payload);
    struct text text;
    if (endpoint_path() == NULL) {
        text_start(&text, "this guest was given its way to the host and cannot make it anew");
        answer_error(id, EOPNOTSUPP, &text);
        return;
    }
    if (millis == 0 || millis > SUSPEND_MAX_MILLIS) {
        text_start(&text, "a guest is suspended for 1 to 600,000 ms");
        answer_error(id, EINVAL, &text);
        return;
    }
    away_micros = (uint64_t)millis * 1000U;
    state = LEAVING;
    answer_done(id);
}
