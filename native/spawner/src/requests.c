/* See requests.h. */
#include "requests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "cgroup.h"
#include "checkpoint.h"
#include "client.h"
#include "layer.h"
#include "lower.h"
#include "network.h"
#include "store.h"
#include "veth.h"

enum { FREEZE_MILLIS = 2000, LIST_ITEM_BYTES = 512 };

static uint8_t buffer[WIRE_MAX_FRAME_BYTES];

void answer_begin(struct wire_writer *writer, uint8_t type, uint32_t stream) {
    wire_writer_init(writer, buffer, sizeof buffer);
    wire_frame_begin(writer, type, stream);
}

void answer_finish(struct wire_writer *writer, uint32_t client) {
    if (wire_frame_end(writer) == 0)
        client_send(client, buffer, (size_t)(writer->at - writer->start));
}

void answer_ok(uint32_t client, uint32_t stream) {
    struct wire_writer writer;
    answer_begin(&writer, ANSWER_OK, stream);
    answer_finish(&writer, client);
}

void answer_bytes(uint32_t client, uint32_t stream, uint64_t bytes) {
    struct wire_writer writer;
    answer_begin(&writer, ANSWER_OK, stream);
    wire_write_u64(&writer, bytes);
    answer_finish(&writer, client);
}

void answer_error(uint32_t client, uint32_t stream, const struct fault *fault) {
    struct wire_writer writer;
    answer_begin(&writer, ANSWER_ERROR, stream);
    wire_write_i32(&writer, fault->error);
    wire_write_cstr(&writer, fault->step);
    wire_write_cstr(&writer, fault->text);
    answer_finish(&writer, client);
}

void answer_created(uint32_t client, uint32_t stream, const struct host *host, const struct wall *wall) {
    struct wire_writer writer;
    char path[PATH_BYTES];
    wall_socket_path(host, wall->id, path, sizeof path);
    answer_begin(&writer, ANSWER_OK, stream);
    wire_write_u32(&writer, (uint32_t)wall->pid);
    wire_write_cstr(&writer, path);
    answer_finish(&writer, client);
}

void send_event(uint8_t kind, const char *id, int wait_status, uint64_t oom_kills) {
    for (uint32_t i = 0; i < MAX_CLIENTS; i++) {
        struct wire_writer writer;
        if (client_at(i)->fd < 0 || !client_at(i)->subscribed)
            continue;
        answer_begin(&writer, ANSWER_EVENT, client_at(i)->subscription);
        wire_write_u8(&writer, kind);
        wire_write_cstr(&writer, id);
        wire_write_i32(&writer, wait_status);
        wire_write_u64(&writer, oom_kills);
        answer_finish(&writer, i);
    }
}

static void answer_ping(const struct server_setup *setup, uint32_t client, uint32_t stream) {
    static const char *const always[] = {"userns", "seccomp", "idmap", "pool"};
    uint32_t runtimes = 0;
    for (int i = RUNTIME_CRUN; i < RUNTIMES; i++)
        runtimes += setup->host->config->runtimes[i] != NULL;
    struct wire_writer writer;
    bool io = cgroups_count_io();
    answer_begin(&writer, ANSWER_OK, stream);
    wire_write_u16(&writer, PROTOCOL_VERSION);
    wire_write_u8(&writer, (uint8_t)cgroups_mode());
    wire_write_cstr(&writer, layers_name());
    wire_write_u32(&writer, claim_uid(setup->host->block, 0));
    wire_write_u32(&writer, 6 + io + runtimes);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        wire_write_cstr(&writer, always[i]);
    wire_write_cstr(&writer, network_feature(0));
    wire_write_cstr(&writer, network_feature(1));
    if (io)
        wire_write_cstr(&writer, "io-statistics");
    for (int i = RUNTIME_CRUN; i < RUNTIMES; i++)
        if (setup->host->config->runtimes[i] != NULL) {
            char name[32];
            snprintf(name, sizeof name, "runtime-%s", runtime_name((enum runtime)i));
            wire_write_cstr(&writer, name);
        }
    answer_finish(&writer, client);
}

/* ---- walls ---- */

static void create(uint32_t client, uint32_t stream, const struct request *request, struct fault *fault) {
    bool cleaning = false;
    if (wall_find(request->id, &cleaning) != 0) {
        fault_set(fault, EEXIST, "validate-id", cleaning ? "%s is still being destroyed" : "%s exists already", request->id);
        answer_error(client, stream, fault);
        return;
    }
    /* The answer is promised first: a failing wall may be cleaned away within wall_create. */
    if (server_wait(WAIT_CREATE, client, stream, request->id, 0) < 0) {
        fault_set(fault, EAGAIN, "queue", "too many requests are waiting");
        answer_error(client, stream, fault);
        return;
    }
    int result = wall_create(request, fault);
    if (result < 0)
        server_cleaned(0, request->id, fault); /* not even a slot: nothing to clean */
}

static void destroy(uint32_t client, uint32_t stream, const struct request *request, struct fault *fault) {
    bool cleaning = false;
    uint32_t slot = wall_find(request->id, &cleaning);
    if (slot == 0) {
        answer_ok(client, stream);
        return;
    }
    if (server_wait(WAIT_DESTROY, client, stream, request->id, 0) < 0) {
        fault_set(fault, EAGAIN, "queue", "too many requests are waiting");
        answer_error(client, stream, fault);
        return;
    }
    wall_clean(slot);
}

/* The slot of a wall that was started, else 0 and an answer. */
static uint32_t find_started(uint32_t client, uint32_t stream, const char *id, struct fault *fault) {
    bool cleaning = false;
    uint32_t slot = wall_find(id, &cleaning);
    if (slot != 0 && (wall_at(slot)->state == WALL_RUNNING || wall_at(slot)->state == WALL_ENDED))
        return slot;
    fault_set(fault, ENOENT, "find", "there is no %s", id);
    answer_error(client, stream, fault);
    return 0;
}

bool retry_freeze(uint32_t client, uint32_t stream, const char *id, bool last) {
    struct fault fault;
    uint32_t slot = find_started(client, stream, id, &fault);
    if (slot == 0)
        return true;
    if (wall_at(slot)->state == WALL_ENDED) {
        fault_set(&fault, ESRCH, "freeze", "%s has ended", id);
        answer_error(client, stream, &fault);
        return true;
    }
    int result = wall_freeze(slot);
    if (result == -EAGAIN && !last)
        return false;
    if (result == 0) {
        answer_ok(client, stream);
        return true;
    }
    cgroup_thaw(slot);
    fault_set(&fault, result == -EAGAIN ? ETIMEDOUT : -result, "freeze", "cannot freeze %s", id);
    answer_error(client, stream, &fault);
    return true;
}

static void freeze(uint32_t client, uint32_t stream, const char *id) {
    struct fault fault;
    if (retry_freeze(client, stream, id, false))
        return;
    if (server_wait(WAIT_FREEZE, client, stream, id, now_millis() + FREEZE_MILLIS) < 0) {
        cgroup_thaw(find_started(client, stream, id, &fault));
        fault_set(&fault, EAGAIN, "queue", "too many requests are waiting");
        answer_error(client, stream, &fault);
    }
}

static void answer_result(uint32_t client, uint32_t stream, int result, struct fault *fault) {
    if (result == 0)
        answer_ok(client, stream);
    else
        answer_error(client, stream, fault);
}

static void thaw(uint32_t client, uint32_t stream, uint32_t slot, struct fault *fault) {
    int result = cgroup_thaw(slot);
    if (result < 0)
        fault_set(fault, -result, "thaw", "cannot thaw %s", wall_at(slot)->id);
    answer_result(client, stream, result, fault);
}

static int read_ksm(pid_t pid, char *text, size_t room) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/ksm_stat", pid);
    ssize_t n = read_file_at(AT_FDCWD, path, text, room);
    return n < 0 ? (int)n : 0;
}

static void add_merged(pid_t pid, void *context) {
    char text[512];
    uint64_t pages = 0;
    if (read_ksm(pid, text, sizeof text) == 0 && find_number(text, "ksm_merging_pages", &pages) == 0)
        *(uint64_t *)context += pages;
}

/* Bytes of memory that share a page with memory of the same content; 0 where nothing is merged. */
static uint64_t merged_bytes(uint32_t slot) {
    char text[512];
    uint64_t pages = 0;
    const struct wall *wall = wall_at(slot);
    if (wall->pid <= 0 || read_ksm(wall->pid, text, sizeof text) < 0 || strstr(text, "ksm_merge_any: yes") == NULL)
        return 0;
    cgroup_each_process(slot, add_merged, &pages);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Without what a sandbox that was kept ready had used before it was taken. */
static uint64_t own_cpu_micros(const struct wall *wall, const struct cgroup_stats *stats) {
    return stats->cpu_micros > wall->cpu_before_micros ? stats->cpu_micros - wall->cpu_before_micros : 0;
}

static void answer_stats(uint32_t client, uint32_t stream, uint32_t slot, struct fault *fault) {
    struct wall *wall = wall_at(slot);
    struct cgroup_stats stats;
    struct wire_writer writer;
    uint64_t disk = 0;
    int result = cgroup_read_stats(slot, &stats);
    if (result < 0) {
        fault_set(fault, -result, "read-statistics", "cannot read the statistics of %s", wall->id);
        answer_error(client, stream, fault);
        return;
    }
    layer_used(slot, wall->pid, wall->runtime != RUNTIME_NONE, &disk); /* an ended wall on tmpfs has no disk any more: 0 */
    answer_begin(&writer, ANSWER_OK, stream);
    wire_write_u64(&writer, own_cpu_micros(wall, &stats));
    wire_write_u64(&writer, stats.throttled_micros);
    wire_write_u64(&writer, stats.memory_bytes);
    wire_write_u64(&writer, stats.memory_peak_bytes);
    wire_write_u64(&writer, stats.memory_limit_bytes - runtime_memory_bytes(wall->runtime));
    wire_write_u32(&writer, stats.pids);
    wire_write_u64(&writer, stats.io_read_bytes);
    wire_write_u64(&writer, stats.io_write_bytes);
    wire_write_u64(&writer, stats.oom_kills);
    wire_write_u64(&writer, disk);
    wire_write_u64(&writer, wall->disk_bytes);
    wire_write_u8(&writer, stats.frozen);
    wire_write_u64(&writer, merged_bytes(slot));
    answer_finish(&writer, client);
}

static void answer_usage(uint32_t client, uint32_t stream, uint32_t slot, struct fault *fault) {
    struct cgroup_stats stats;
    struct wire_writer writer;
    int result = cgroup_read_usage(slot, &stats);
    if (result < 0) {
        fault_set(fault, -result, "read-usage", "cannot read what %s has used", wall_at(slot)->id);
        answer_error(client, stream, fault);
        return;
    }
    answer_begin(&writer, ANSWER_OK, stream);
    wire_write_u64(&writer, own_cpu_micros(wall_at(slot), &stats));
    wire_write_u64(&writer, stats.memory_bytes);
    answer_finish(&writer, client);
}

/* One frame's worth of walls from `slot` on; returns where to go on, 0 at the end. */
static uint32_t answer_list_part(const struct server_setup *setup, uint32_t client, uint32_t stream, uint32_t slot) {
    struct wire_writer writer;
    uint32_t count = 0, next = 0;
    answer_begin(&writer, ANSWER_OK, stream);
    uint8_t *more_at = writer.at;
    wire_write_u8(&writer, 0);
    uint8_t *count_at = writer.at;
    wire_write_u32(&writer, 0);
    for (; slot < walls_end(); slot++) {
        const struct wall *wall = wall_at(slot);
        char path[PATH_BYTES];
        if (wall->state != WALL_RUNNING && wall->state != WALL_ENDED)
            continue;
        wall_socket_path(setup->host, wall->id, path, sizeof path);
        if (wire_frame_room(&writer) < LIST_ITEM_BYTES + strlen(path)) {
            next = slot;
            break;
        }
        wire_write_cstr(&writer, wall->id);
        wire_write_u32(&writer, (uint32_t)wall->pid);
        wire_write_u8(&writer, wall->state == WALL_ENDED ? 3 : cgroup_frozen(slot) ? 2 : 1);
        wire_write_cstr(&writer, path);
        wire_write_cstr(&writer, runtime_name(wall->runtime));
        count++;
    }
    *more_at = next != 0;
    for (int i = 0; i < 4; i++)
        count_at[i] = (uint8_t)(count >> (24 - 8 * i));
    answer_finish(&writer, client);
    return next;
}

static void quit(const struct server_setup *setup, uint32_t client, uint32_t stream) {
    struct fault fault;
    if (server_wait(WAIT_QUIT, client, stream, "", 0) < 0) {
        fault_set(&fault, EAGAIN, "queue", "too many requests are waiting");
        answer_error(client, stream, &fault);
        return;
    }
    setup->shared->quitting = 1;
}

/* ---- routed interfaces ---- */

static void attach_network(uint32_t client, uint32_t stream, uint32_t slot, const struct request *request, struct fault *fault) {
    struct wire_writer writer;
    struct network_answer answer;
    if (network_attach(slot, &request->rules, &answer, fault) < 0) {
        answer_error(client, stream, fault);
        return;
    }
    answer_begin(&writer, ANSWER_OK, stream);
    wire_write_cstr(&writer, INSIDE_NAME);
    wire_write_cstr(&writer, answer.address);
    wire_write_cstr(&writer, answer.gateway);
    wire_write_u8(&writer, answer.filter);
    answer_finish(&writer, client);
}

static void answer_network_stats(uint32_t client, uint32_t stream, uint32_t slot) {
    struct wire_writer writer;
    struct network_stats stats;
    network_read(slot, &stats);
    answer_begin(&writer, ANSWER_OK, stream);
    wire_write_u8(&writer, stats.attached);
    wire_write_u64(&writer, stats.bytes_out);
    wire_write_u64(&writer, stats.bytes_in);
    wire_write_u64(&writer, stats.connects_allowed);
    wire_write_u64(&writer, stats.connects_refused);
    wire_write_u64(&writer, stats.packets_dropped);
    answer_finish(&writer, client);
}

static void detach_network(uint32_t client, uint32_t stream, const char *id, struct fault *fault) {
    bool cleaning = false;
    uint32_t slot = wall_find(id, &cleaning);
    answer_result(client, stream, slot == 0 || cleaning ? 0 : network_detach(slot, fault), fault);
}

static void handle_wall_request(uint32_t client, uint32_t stream, const struct request *request, struct fault *fault) {
    if (request->type == REQUEST_FREEZE) {
        freeze(client, stream, request->id);
        return;
    }
    uint32_t slot = find_started(client, stream, request->id, fault);
    if (slot == 0)
        return;
    switch (request->type) {
    case REQUEST_KILL:
        wall_kill(slot);
        answer_ok(client, stream);
        break;
    case REQUEST_THAW: thaw(client, stream, slot, fault); break;
    case REQUEST_CHECKPOINT: request_checkpoint(client, stream, slot, request, fault); break;
    case REQUEST_ATTACH: answer_result(client, stream, volume_attach(slot, request, fault), fault); break;
    case REQUEST_DETACH: answer_result(client, stream, volume_detach(slot, request, fault), fault); break;
    case REQUEST_NETWORK_ATTACH: attach_network(client, stream, slot, request, fault); break;
    case REQUEST_NETWORK_RULES: answer_result(client, stream, network_set_rules(slot, &request->rules, fault), fault); break;
    case REQUEST_NETWORK_STATS: answer_network_stats(client, stream, slot); break;
    case REQUEST_RESIZE: {
        struct limits limits = wall_limits(wall_at(slot), &request->limits);
        int result = cgroup_resize(slot, &limits, fault);
        if (result == 0)
            wall_at(slot)->limits = limits;
        if (result == 0 && wall_at(slot)->state == WALL_RUNNING && (result = wall_write_state(slot, wall_at(slot), true)) < 0)
            fault_set(fault, -result, "write-state", "the limits are set, but cannot be written down");
        answer_result(client, stream, result, fault);
        break;
    }
    case REQUEST_USAGE: answer_usage(client, stream, slot, fault); break;
    default: answer_stats(client, stream, slot, fault); break;
    }
}

static void answer_volume_used(uint32_t client, uint32_t stream, const struct request *request, struct fault *fault) {
    uint64_t used = 0;
    if (store_used(request->id, &used, fault) < 0)
        answer_error(client, stream, fault);
    else
        answer_bytes(client, stream, used);
}

int handle_request(const struct server_setup *setup, uint32_t client, const struct wire_frame *frame) {
    static struct request request;
    struct fault fault = {0};
    int result = request_parse(frame, &request, &fault);
    if (result == -EBADMSG)
        return result;
    if (result == 0 && setup->shared->quitting != 0 && (request.type == REQUEST_CREATE || request.type == REQUEST_CREATE_UNDER || request.type == REQUEST_RESTORE_UNDER))
        result = fault_set(&fault, ESHUTDOWN, "quit", "the spawner is being shut down");
    if (result < 0) {
        answer_error(client, frame->stream, &fault);
        return 0;
    }
    if (request.type == REQUEST_PING || request.type == REQUEST_LIST || request.type == REQUEST_DESTROY)
        lowers_sweep();
    switch (request.type) {
    case REQUEST_PING: answer_ping(setup, client, frame->stream); break;
    case REQUEST_CREATE:
    case REQUEST_CREATE_UNDER:
    case REQUEST_RESTORE_UNDER: create(client, frame->stream, &request, &fault); break;
    case REQUEST_DESTROY: destroy(client, frame->stream, &request, &fault); break;
    case REQUEST_LIST:
        for (uint32_t slot = answer_list_part(setup, client, frame->stream, 1); slot != 0;)
            slot = answer_list_part(setup, client, frame->stream, slot);
        break;
    case REQUEST_SUBSCRIBE:
        client_at(client)->subscribed = true;
        client_at(client)->subscription = frame->stream;
        answer_ok(client, frame->stream);
        break;
    case REQUEST_VOLUME_MAKE:
        answer_result(client, frame->stream, store_make(request.id, request.disk_bytes, &fault), &fault);
        break;
    case REQUEST_VOLUME_REMOVE: answer_result(client, frame->stream, store_remove(request.id, &fault), &fault); break;
    case REQUEST_VOLUME_USED: answer_volume_used(client, frame->stream, &request, &fault); break;
    case REQUEST_NETWORK_DETACH: detach_network(client, frame->stream, request.id, &fault); break;
    case REQUEST_CHECKPOINT_REMOVE: answer_result(client, frame->stream, checkpoint_remove(request.checkpoint, &fault), &fault); break;
    case REQUEST_CHECKPOINT_LIST: request_checkpoints(client, frame->stream, &fault); break;
    case REQUEST_QUIT: quit(setup, client, frame->stream); break;
    default: handle_wall_request(client, frame->stream, &request, &fault); break;
    }
    return 0;
}
