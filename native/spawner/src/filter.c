/* See filter.h. */
#include "filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf_code.h"

/* Registers: r1 holds the context when a program begins. */
enum { R0, R1, R2, R3, ADDRESS, PORT, PROTOCOL, MASKED };
enum { TCP = 6, UDP = 17, REFUSE = 0, ALLOW = 1, MULTICAST = 224, LOG_BYTES = 16384 };

static const enum bpf_attach_type hooks[] = {BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_UDP4_SENDMSG,
                                             BPF_CGROUP_UDP6_SENDMSG};
enum { HOOKS = sizeof hooks / sizeof *hooks };

static int bpf(int command, union bpf_attr *attributes) {
    long result = syscall(SYS_bpf, command, attributes, sizeof *attributes);
    return result < 0 ? -errno : (int)result;
}

/* ---- the program ---- */

/* Counts and ends. */
static void answer(struct bpf_code *code, int counters, int verdict) {
    bpf_map_value(code, R2, counters, verdict == ALLOW ? 0 : sizeof(uint64_t));
    bpf_set(code, R1, 1);
    bpf_add(code, R2, R1);
    bpf_set(code, R0, verdict);
    bpf_exit(code);
}

/* True when it matches everything: the kernel takes no program with instructions that are never reached. */
static bool compile_rule(struct bpf_code *code, int counters, const struct rule *rule) {
    struct bpf_label next = {.count = 0}, hit = {.count = 0};
    if (rule->protocols != (RULE_TCP | RULE_UDP))
        bpf_jump_if(code, BPF_JNE, PROTOCOL, rule->protocols == RULE_TCP ? TCP : UDP, &next);
    if (rule->prefix_length == 32)
        bpf_jump_if(code, BPF_JNE, ADDRESS, rule->address, &next);
    else if (rule->prefix_length > 0) {
        bpf_copy(code, MASKED, ADDRESS);
        bpf_and(code, MASKED, prefix_mask(rule->prefix_length));
        bpf_jump_if(code, BPF_JNE, MASKED, rule->address, &next);
    }
    for (uint32_t i = 0; i < rule->port_count; i++) {
        const struct port_range *range = &rule->ports[i];
        struct bpf_label other = {.count = 0};
        if (range->first == range->last)
            bpf_jump_if(code, BPF_JEQ, PORT, range->first, &hit);
        else {
            bpf_jump_if(code, BPF_JLT, PORT, range->first, &other);
            bpf_jump_if(code, BPF_JLE, PORT, range->last, &hit);
            bpf_land(code, &other);
        }
    }
    if (rule->port_count > 0)
        bpf_jump(code, &next);
    bpf_land(code, &hit);
    answer(code, counters, rule->deny ? REFUSE : ALLOW);
    bool always = next.count == 0;
    bpf_land(code, &next);
    return always;
}

/* ADDRESS gets the IPv4 address that an IPv6 one stands for; the Tiny VM's own loopback is let pass, others are refused. */
static void read_ipv6(struct bpf_code *code, int counters) {
    struct bpf_label foreign = {.count = 0}, mapped = {.count = 0}, own = {.count = 0};
    for (int word = 0; word < 2; word++) {
        bpf_load32(code, R2, R1, (int16_t)(offsetof(struct bpf_sock_addr, user_ip6) + 4U * (unsigned)word));
        bpf_jump_if(code, BPF_JNE, R2, 0, &foreign);
    }
    bpf_load32(code, R2, R1, offsetof(struct bpf_sock_addr, user_ip6) + 8);
    bpf_load32(code, ADDRESS, R1, offsetof(struct bpf_sock_addr, user_ip6) + 12);
    bpf_be32(code, R2);
    bpf_be32(code, ADDRESS);
    bpf_jump_if(code, BPF_JEQ, R2, 0xffff, &mapped); /* ::ffff:a.b.c.d */
    bpf_jump_if(code, BPF_JNE, R2, 0, &foreign);
    bpf_jump_if(code, BPF_JLE, ADDRESS, 1, &own); /* :: and ::1 */
    bpf_land(code, &foreign);
    answer(code, counters, REFUSE);
    bpf_land(code, &own);
    answer(code, counters, ALLOW);
    bpf_land(code, &mapped);
}

static void compile(struct bpf_code *code, enum bpf_attach_type hook, int counters, const struct rules *rules) {
    struct bpf_label own = {.count = 0}, foreign = {.count = 0}, refused = {.count = 0}, listed = {.count = 0};
    bpf_load32(code, PORT, R1, offsetof(struct bpf_sock_addr, user_port));
    bpf_be16(code, PORT);
    bpf_load32(code, PROTOCOL, R1, offsetof(struct bpf_sock_addr, protocol));
    if (hook == BPF_CGROUP_INET6_CONNECT || hook == BPF_CGROUP_UDP6_SENDMSG)
        read_ipv6(code, counters);
    else {
        bpf_load32(code, ADDRESS, R1, offsetof(struct bpf_sock_addr, user_ip4));
        bpf_be32(code, ADDRESS);
    }
    bpf_jump_if(code, BPF_JEQ, ADDRESS, 0, &own); /* "this host" */
    bpf_copy(code, MASKED, ADDRESS);
    bpf_and(code, MASKED, prefix_mask(8));
    bpf_jump_if(code, BPF_JNE, MASKED, 127U << 24, &foreign);
    bpf_land(code, &own);
    answer(code, counters, ALLOW);
    bpf_land(code, &foreign);
    bpf_jump_if(code, BPF_JGE, ADDRESS, (uint32_t)MULTICAST << 24, &refused);
    bpf_jump_if(code, BPF_JEQ, PROTOCOL, TCP, &listed);
    bpf_jump_if(code, BPF_JEQ, PROTOCOL, UDP, &listed);
    bpf_land(code, &refused);
    answer(code, counters, REFUSE);
    bpf_land(code, &listed);
    bool decided = false;
    for (uint32_t i = 0; i < rules->count && !decided; i++)
        decided = rules->items[i].family == 4 && compile_rule(code, counters, &rules->items[i]);
    if (!decided)
        answer(code, counters, REFUSE);
}

/* The last line that says something: the verifier ends with a count of instructions. */
static void last_words(const char *log, char *out, size_t room) {
    const char *best = "", *line = log;
    size_t best_length = 0;
    while (*line != 0) {
        size_t length = strcspn(line, "\n");
        if (length > 0 && strncmp(line, "processed ", 10) != 0) {
            best = line;
            best_length = length;
        }
        line += length + (line[length] == '\n');
    }
    snprintf(out, room, "%.*s", (int)(best_length < room ? best_length : room - 1), best);
}

static int load_once(const struct bpf_code *code, enum bpf_attach_type hook, char *log, size_t log_room) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
    attributes.expected_attach_type = hook;
    attributes.insns = (uint64_t)(uintptr_t)code->instructions;
    attributes.insn_cnt = (uint32_t)code->count;
    attributes.license = (uint64_t)(uintptr_t)"Apache-2.0";
    snprintf(attributes.prog_name, sizeof attributes.prog_name, "tinyvm_connect");
    if (log != NULL) {
        attributes.log_level = 1;
        attributes.log_buf = (uint64_t)(uintptr_t)log;
        attributes.log_size = (uint32_t)log_room;
    }
    return bpf(BPF_PROG_LOAD, &attributes);
}

static int load(enum bpf_attach_type hook, int counters, const struct rules *rules, char *why, size_t room) {
    static char log[LOG_BYTES];
    struct bpf_code code = {0};
    compile(&code, hook, counters, rules);
    int result = code.error != 0 ? code.error : load_once(&code, hook, NULL, 0);
    why[0] = 0;
    if (result < 0 && code.error == 0) {
        log[0] = 0;
        int again = load_once(&code, hook, log, sizeof log);
        log[sizeof log - 1] = 0;
        if (again >= 0) /* memory was short, and is no longer */
            result = again;
        else
            last_words(log, why, room);
    }
    bpf_free(&code);
    return result;
}

/* ---- maps and attachments ---- */

int filter_make_counters(void) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = sizeof(uint32_t);
    attributes.value_size = sizeof(struct filter_counts);
    attributes.max_entries = 1;
    snprintf(attributes.map_name, sizeof attributes.map_name, "tinyvm_counts");
    return bpf(BPF_MAP_CREATE, &attributes);
}

int filter_read(int counters, struct filter_counts *counts) {
    union bpf_attr attributes;
    uint32_t key = 0;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)counters;
    attributes.key = (uint64_t)(uintptr_t)&key;
    attributes.value = (uint64_t)(uintptr_t)counts;
    return bpf(BPF_MAP_LOOKUP_ELEM, &attributes);
}

static int attach_one(int cgroup, int program, enum bpf_attach_type hook) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = hook;
    return bpf(BPF_PROG_ATTACH, &attributes); /* alone on this cgroup: the one there was is replaced in one step */
}

int filter_attach(int cgroup, int counters, const struct rules *rules, struct fault *fault) {
    int programs[HOOKS] = {-1, -1, -1, -1}, result = 0;
    char why[120];
    for (size_t i = 0; i < HOOKS && result == 0; i++) {
        programs[i] = load(hooks[i], counters, rules, why, sizeof why);
        if (programs[i] < 0) {
            result = fault_set(fault, -programs[i], "load-filter", "the kernel refuses the connect filter%s%s", why[0] == 0 ? "" : ": ", why);
            programs[i] = -1;
        }
    }
    /* All are loaded before any is attached: a list that the kernel refuses changes nothing. */
    for (size_t i = 0; i < HOOKS && result == 0; i++) {
        int one = attach_one(cgroup, programs[i], hooks[i]);
        if (one < 0)
            result = fault_set(fault, -one, "attach-filter", "cannot attach the connect filter to the cgroup");
    }
    for (size_t i = 0; i < HOOKS; i++)
        fd_close(&programs[i]);
    return result;
}

void filter_detach(int cgroup) {
    union bpf_attr attributes;
    for (size_t i = 0; i < HOOKS; i++) {
        memset(&attributes, 0, sizeof attributes);
        attributes.target_fd = (uint32_t)cgroup;
        attributes.attach_type = hooks[i];
        (void)bpf(BPF_PROG_DETACH, &attributes);
    }
}

static int query(int cgroup, enum bpf_attach_type hook, uint32_t *program) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.query.target_fd = (uint32_t)cgroup;
    attributes.query.attach_type = hook;
    attributes.query.prog_ids = (uint64_t)(uintptr_t)program;
    attributes.query.prog_cnt = 1;
    int result = bpf(BPF_PROG_QUERY, &attributes);
    return result < 0 ? result : attributes.query.prog_cnt == 1 ? 0 : -ENOENT;
}

static int by_id(int command, uint32_t id) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_id = id; /* and map_id: the same place */
    return bpf(command, &attributes);
}

int filter_find(int cgroup) {
    uint32_t program = 0, map = 0;
    struct bpf_prog_info info;
    for (size_t i = 0; i < HOOKS; i++) {
        int result = query(cgroup, hooks[i], &program);
        if (result < 0)
            return result;
    }
    int fd = by_id(BPF_PROG_GET_FD_BY_ID, program);
    if (fd < 0)
        return fd;
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    memset(&info, 0, sizeof info);
    info.nr_map_ids = 1;
    info.map_ids = (uint64_t)(uintptr_t)&map;
    attributes.info.bpf_fd = (uint32_t)fd;
    attributes.info.info_len = sizeof info;
    attributes.info.info = (uint64_t)(uintptr_t)&info;
    int result = bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes);
    fd_close(&fd);
    return result < 0 ? result : info.nr_map_ids != 1 ? -ENOENT : by_id(BPF_MAP_GET_FD_BY_ID, map);
}

int filter_probe(int cgroup, char *why, size_t room) {
    static const struct rules rules = {.count = 1, .items = {{.family = 4, .prefix_length = 8, .address = 10U << 24, .protocols = RULE_TCP}}};
    struct fault fault = {0};
    int counters = filter_make_counters();
    int result = counters < 0 ? fault_set(&fault, -counters, "make-counters", "bpf(2) makes no map") : 0;
    if (result == 0)
        result = filter_attach(cgroup, counters, &rules, &fault);
    filter_detach(cgroup);
    fd_close(&counters);
    snprintf(why, room, "%s", fault.text);
    return result;
}
