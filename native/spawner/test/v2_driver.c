/*
 * Runs as the main program of a QEMU machine whose kernel has cgroup v2 only (test/v2.py): starts the spawner, makes walls
 * of image `host` (that machine's busybox), and checks that the limits hold. Prints `PASS name` or `FAIL name`, then `END`.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../wire/wire.h"
#include "../src/request.h"

#define RUN "/var/tinyvm"
#define MIB (1ULL << 20)

enum { DEADLINE_MILLIS = 60000 };

struct link {
    int fd;
    uint32_t stream;
    uint8_t in[2 * WIRE_MAX_FRAME_BYTES];
    struct wire_decoder decoder;
};

static struct link spawner = {.fd = -1}, guest = {.fd = -1};
static uint64_t oom_events;
static pid_t wall_pid; /* of the newest wall's first process, outside */
static uid_t manager_uid;

static _Noreturn void give_up(const char *what) {
    printf("FAIL %s: %s\nEND\n", what, strerror(errno));
    fflush(stdout);
    exit(1);
}

static void report(const char *name, bool passed) {
    printf("%s %s\n", passed ? "PASS" : "FAIL", name);
    fflush(stdout);
}

static void open_link(struct link *link, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (link->fd >= 0)
        close(link->fd);
    for (int64_t end = now_millis() + DEADLINE_MILLIS; now_millis() < end; poll(NULL, 0, 50)) {
        link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(link->fd, (struct sockaddr *)&address, sizeof address) == 0) {
            wire_decoder_init(&link->decoder, link->in, sizeof link->in);
            return;
        }
        close(link->fd);
    }
    give_up(path);
}

static void send_all(struct link *link, struct wire_writer *writer) {
    size_t length = (size_t)(writer->at - writer->start);
    if (wire_frame_end(writer) != 0)
        give_up("encode");
    length = (size_t)(writer->at - writer->start);
    for (size_t at = 0; at < length;) {
        ssize_t n = send(link->fd, writer->start + at, length - at, MSG_NOSIGNAL);
        if (n <= 0)
            give_up("send");
        at += (size_t)n;
    }
}

static struct wire_frame next_frame(struct link *link) {
    struct wire_frame frame;
    int64_t end = now_millis() + DEADLINE_MILLIS;
    for (;;) {
        int more = wire_decoder_next(&link->decoder, &frame);
        if (more == 1)
            return frame;
        struct pollfd wait = {.fd = link->fd, .events = POLLIN};
        size_t room = 0;
        uint8_t *space = wire_decoder_space(&link->decoder, &room);
        ssize_t n = more < 0 || now_millis() > end || poll(&wait, 1, DEADLINE_MILLIS) <= 0 ? -1 : recv(link->fd, space, room, 0);
        if (n <= 0)
            give_up("receive");
        wire_decoder_filled(&link->decoder, (size_t)n);
    }
}

static uint8_t out[WIRE_MAX_FRAME_BYTES];
static struct wire_writer writer;

static void begin(struct link *link, uint8_t type) {
    wire_writer_init(&writer, out, sizeof out);
    wire_frame_begin(&writer, type, ++link->stream);
}

/* The answer to the request that was begun; 0 or the errno of an ERROR. */
static int ask(struct wire_reader *reader) {
    send_all(&spawner, &writer);
    for (;;) {
        struct wire_frame frame = next_frame(&spawner);
        wire_reader_init(reader, frame.payload, frame.length);
        if (frame.type == ANSWER_EVENT) {
            uint8_t kind = wire_read_u8(reader);
            wire_read_str(reader);
            wire_read_i32(reader);
            if (kind == 2)
                oom_events = wire_read_u64(reader);
            continue;
        }
        if (frame.type == ANSWER_OK)
            return 0;
        int error = wire_read_i32(reader);
        struct wire_str step = wire_read_str(reader), text = wire_read_str(reader);
        printf("refused: %.*s: %.*s\n", (int)step.length, step.bytes, (int)text.length, text.bytes);
        return error;
    }
}

static int ask_id(uint8_t type, const char *id) {
    struct wire_reader reader;
    begin(&spawner, type);
    wire_write_cstr(&writer, id);
    return ask(&reader);
}

static void greet_guest(const char *id) {
    char path[108];
    snprintf(path, sizeof path, RUN "/vms/%s/guest.sock", id);
    open_link(&guest, path);
    wire_writer_init(&writer, out, sizeof out);
    wire_frame_begin(&writer, 0x01, 0);
    wire_write_u16(&writer, 1);
    wire_write_u16(&writer, 1);
    wire_write_u32(&writer, 1 << 20);
    send_all(&guest, &writer);
    guest.stream = 0;
    if (next_frame(&guest).type != 0x02)
        give_up("guest greeting");
}

static struct { const char *name, *path; char option[32]; } runtimes[] = {
    {"crun", "/usr/bin/crun", "crun=/usr/bin/crun"}, {"runc", "/usr/sbin/runc", "runc=/usr/sbin/runc"}};
enum { RUNTIMES_TESTED = sizeof runtimes / sizeof *runtimes };
static const char *under; /* the OCI runtime that makes the next walls, NULL: the spawner itself */

static void create(const char *id, uint32_t cpu, uint64_t memory, uint64_t disk, uint32_t pids) {
    struct wire_reader reader;
    begin(&spawner, under == NULL ? REQUEST_CREATE : REQUEST_CREATE_UNDER);
    if (under != NULL)
        wire_write_cstr(&writer, under);
    wire_write_cstr(&writer, id);
    wire_write_cstr(&writer, "host");
    wire_write_u32(&writer, cpu);
    wire_write_u64(&writer, memory);
    wire_write_u64(&writer, disk);
    wire_write_u32(&writer, pids);
    wire_write_cstr(&writer, id);
    wire_write_cstr(&writer, "user");
    wire_write_u8(&writer, 0);
    wire_write_u32(&writer, 0);
    if (ask(&reader) != 0)
        give_up("create");
    wall_pid = (pid_t)wire_read_u32(&reader);
    greet_guest(id);
}

static int resize(const char *id, uint32_t cpu, uint64_t memory, uint32_t pids) {
    struct wire_reader reader;
    begin(&spawner, REQUEST_RESIZE);
    wire_write_cstr(&writer, id);
    wire_write_u32(&writer, cpu);
    wire_write_u64(&writer, memory);
    wire_write_u32(&writer, pids);
    return ask(&reader);
}

struct stats { uint64_t cpu, throttled, memory, peak, limit, pids, oom; uint8_t frozen; };

static struct stats stats(const char *id) {
    struct wire_reader reader;
    struct stats s;
    begin(&spawner, REQUEST_STATS);
    wire_write_cstr(&writer, id);
    if (ask(&reader) != 0)
        give_up("stats");
    s.cpu = wire_read_u64(&reader);
    s.throttled = wire_read_u64(&reader);
    s.memory = wire_read_u64(&reader);
    s.peak = wire_read_u64(&reader);
    s.limit = wire_read_u64(&reader);
    s.pids = wire_read_u32(&reader);
    wire_read_u64(&reader);
    wire_read_u64(&reader);
    s.oom = wire_read_u64(&reader);
    wire_read_u64(&reader);
    wire_read_u64(&reader);
    s.frozen = wire_read_u8(&reader);
    return s;
}

static void start(const char *script, const char *user) {
    static const char *const shell[] = {"/bin/sh", "-c"};
    begin(&guest, 0x10);
    wire_write_u32(&writer, 4);
    wire_write_cstr(&writer, "test");
    wire_write_cstr(&writer, user);
    wire_write_cstr(&writer, "/");
    wire_write_u32(&writer, 3);
    wire_write_cstr(&writer, shell[0]);
    wire_write_cstr(&writer, shell[1]);
    wire_write_cstr(&writer, script);
    wire_write_u32(&writer, 0);
    wire_write_u16(&writer, 0);
    wire_write_u16(&writer, 0);
    send_all(&guest, &writer);
}

/* Runs a script; its exit code, or -signal; output is cut to what fits. */
static int run(const char *script, const char *user, char *output, size_t room) {
    size_t used = 0;
    start(script, user);
    for (;;) {
        struct wire_frame frame = next_frame(&guest);
        struct wire_reader reader;
        if (frame.stream != guest.stream)
            continue;
        wire_reader_init(&reader, frame.payload, frame.length);
        if (frame.type == 0x12) {
            wire_read_u64(&reader);
            size_t length = 0;
            const uint8_t *bytes = wire_read_rest(&reader, &length);
            length = length < room - 1 - used ? length : room - 1 - used;
            memcpy(output + used, bytes, length);
            used += length;
        }
        if (frame.type == 0x18) {
            int code = wire_read_i32(&reader), number = wire_read_u8(&reader);
            output[used] = 0;
            return number != 0 ? -number : code;
        }
        if (frame.type == 0x03)
            give_up("exec");
    }
}

static bool waits_for(bool (*truth)(void)) {
    for (int64_t end = now_millis() + DEADLINE_MILLIS; now_millis() < end; poll(NULL, 0, 20))
        if (truth())
            return true;
    return false;
}

static size_t entries(const char *path, const char *prefix) {
    DIR *dir = opendir(path);
    size_t count = 0;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.' && entry->d_type == DT_DIR && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* The process of this name whose first argument list holds the run directory, in the machine's own pid namespace. */
static pid_t find_process(const char *name) {
    DIR *dir = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[300], comm[64], status[2048];
        snprintf(path, sizeof path, "/proc/%s/comm", entry->d_name);
        if (read_file_at(AT_FDCWD, path, comm, sizeof comm) <= 0 || strncmp(comm, name, strlen(name)) != 0)
            continue;
        snprintf(path, sizeof path, "/proc/%s/status", entry->d_name);
        if (read_file_at(AT_FDCWD, path, status, sizeof status) <= 0)
            continue;
        char *ids = strstr(status, "NSpid:");
        char *line = ids == NULL ? NULL : strchr(ids, '\n');
        if (line != NULL && (*line = 0, strchr(ids + 7, '\t') == NULL))
            found = (pid_t)atoi(entry->d_name);
    }
    closedir(dir);
    return found;
}

static char text[65536];
static uint64_t cpu_before;
static bool replaced(void);

static void test_memory(void) {
    create("bomb", 1000, 64 * MIB, 16 * MIB, 64);
    int code = run("dd if=/dev/zero of=/dev/null bs=200M count=1", "", text, sizeof text);
    report("a memory bomb is killed", code == -SIGKILL || code == 137);
    struct stats s = stats("bomb");
    report("the kill is counted", s.oom >= 1);
    report("memory stays below its limit", s.peak <= 64 * MIB && s.limit == 64 * MIB);
    for (int64_t end = now_millis() + DEADLINE_MILLIS; oom_events == 0 && now_millis() < end; poll(NULL, 0, 20))
        stats("bomb");
    report("the kill is an event", oom_events >= 1);
    report("the wall lives on", run("true", "", text, sizeof text) == 0);
    ask_id(REQUEST_DESTROY, "bomb");
}

static void test_pids(void) {
    create("forks", 1000, 64 * MIB, 16 * MIB, 16);
    int code = run("i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done", "", text, sizeof text);
    report("a fork bomb fails", code != 0 && strstr(text, "fork") != NULL);
    report("pids stay below their limit", stats("forks").pids <= 16);
    ask_id(REQUEST_DESTROY, "forks");
}

/* ---- what the manager reads of a wall, word for word; test/v2.py keeps it for the Java tests when asked to ---- */

static void record_file(const char *state, const char *path) {
    static char content[16384];
    ssize_t n = read_file_at(AT_FDCWD, path, content, sizeof content);
    if (n < 0)
        return; /* a thread that has ended meanwhile */
    printf("RECORD %s %s\n", state, path);
    for (char *save = NULL, *line = strtok_r(content, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        printf("|%s\n", line);
    printf("RECORDED\n");
}

static void wall_path(char *out, size_t room, const char *file) {
    char own[64], cgroup[256];
    snprintf(own, sizeof own, "/proc/%d/cgroup", (int)wall_pid);
    if (read_file_at(AT_FDCWD, own, cgroup, sizeof cgroup) <= 0 || strncmp(cgroup, "0::", 3) != 0)
        give_up(own);
    cgroup[strcspn(cgroup, "\n")] = 0;
    snprintf(out, room, "/sys/fs/cgroup%s/%s", cgroup + 3, file);
}

static void record(const char *state) {
    char path[512], threads[4096];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)wall_pid);
    record_file(state, path);
    record_file(state, "/proc/self/mountinfo");
    static const char *const files[] = {"cgroup.threads", "cpu.stat", "cgroup.events", "cgroup.freeze"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        wall_path(path, sizeof path, files[i]);
        record_file(state, path);
    }
    wall_path(path, sizeof path, "cgroup.threads");
    if (read_file_at(AT_FDCWD, path, threads, sizeof threads) < 0)
        give_up(path);
    for (char *save = NULL, *line = strtok_r(threads, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        snprintf(path, sizeof path, "/proc/%s/stat", line);
        record_file(state, path);
    }
}

/* As the manager does it: without root, by the one file that is its own. */
static bool manager_writes(const char *file, const char *word) {
    char path[512];
    wall_path(path, sizeof path, file);
    pid_t child = fork();
    if (child == 0) {
        int fd = setgid(manager_uid) == 0 && setuid(manager_uid) == 0 ? open(path, O_WRONLY | O_CLOEXEC) : -1;
        _exit(fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word) ? 0 : 1);
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static uint64_t cpu_before;
static bool is_frozen(void) {
    return stats("loop").frozen == 1;
}

static bool loop_runs(void) {
    return stats("loop").cpu > cpu_before + 50000;
}

static double share(int millis) {
    uint64_t used = stats("loop").cpu;
    int64_t from = now_millis();
    poll(NULL, 0, millis);
    used = stats("loop").cpu - used;
    return (double)used / 1000.0 / (double)(now_millis() - from);
}

static void test_cpu_and_freeze(void) {
    create("loop", 100, 64 * MIB, 16 * MIB, 64);
    start("sleep 1000", "");
    poll(NULL, 0, 1000);
    record("idle");
    start("while :; do :; done", "");
    double tenth = share(5000);
    printf("cpu 0.1: measured %.3f\n", tenth);
    report("a tenth of a core is not exceeded", tenth <= 0.12 && tenth > 0);
    report("throttling is counted", stats("loop").throttled > 0);
    record("throttled");
    report("cpu can be resized", resize("loop", 500, 64 * MIB, 64) == 0);
    double half = share(5000);
    printf("cpu 0.5: measured %.3f\n", half);
    report("the new quota shows", half <= 0.56 && half > 0.12);
    report("freeze", ask_id(REQUEST_FREEZE, "loop") == 0 && stats("loop").frozen == 1);
    cpu_before = stats("loop").cpu;
    poll(NULL, 0, 500);
    report("a frozen wall uses no cpu", stats("loop").cpu == cpu_before);
    record("frozen");
    report("thaw", ask_id(REQUEST_THAW, "loop") == 0 && waits_for(loop_runs));
    report("the manager freezes by its own file", manager_writes("cgroup.freeze", "1") && waits_for(is_frozen));
    cpu_before = stats("loop").cpu;
    report("and thaws", manager_writes("cgroup.freeze", "0") && waits_for(loop_runs) && !is_frozen());
    report("and may write no other", !manager_writes("cpu.max", "max 100000") && !manager_writes("cgroup.procs", "1"));
    ask_id(REQUEST_FREEZE, "loop");
    report("a frozen wall can be destroyed", ask_id(REQUEST_DESTROY, "loop") == 0);
}

static void test_memory_resize(void) {
    create("resize", 1000, 128 * MIB, 16 * MIB, 64);
    int code = run("dd if=/dev/zero of=/dev/shm/x bs=1M count=40", "", text, sizeof text);
    report("memory is used", code == 0 && stats("resize").memory >= 40 * MIB);
    report("a limit below the use is EBUSY", resize("resize", 1000, 16 * MIB, 64) == EBUSY);
    report("and changes nothing", stats("resize").limit == 128 * MIB && stats("resize").oom == 0);
    report("memory can grow", resize("resize", 1000, 160 * MIB, 64) == 0 && stats("resize").limit == 160 * MIB);
    report("pids can be resized", resize("resize", 1000, 128 * MIB, 8) == 0);
    ask_id(REQUEST_DESTROY, "resize");
}

static void test_disk_and_wall(void) {
    create("disk", 1000, 128 * MIB, 16 * MIB, 64);
    int code = run("dd if=/dev/zero of=/tmp/x bs=1M count=16", "", text, sizeof text);
    report("a disk filler gets ENOSPC", code != 0 && strstr(text, "No space left") != NULL);
    code = run("mount -t tmpfs t /mnt; echo $?; ls /sys/fs/cgroup | wc -l; id -u; cat /proc/self/cgroup", "root", text, sizeof text);
    report("root inside cannot mount and sees no cgroups", code == 0 && strstr(text, "\n0\n0\n") != NULL && strstr(text, "0::/\n") != NULL);
    ask_id(REQUEST_DESTROY, "disk");
}

/* The limits of a wall that an OCI runtime makes are its cgroup's, too; nothing of it is left. */
static void test_runtime(const char *name) {
    char what[96];
    under = name;
#define REPORT(text, passed) (snprintf(what, sizeof what, "%s: %s", name, text), report(what, passed))
    create(name, 1000, 64 * MIB, 16 * MIB, 16);
    int code = run("hostname; id -u; cat /proc/self/cgroup; cat /proc/1/comm", "root", text, sizeof text);
    REPORT("a command runs inside", code == 0 && strstr(text, name) == text && strstr(text, "\n0\n0::/\nguest\n") != NULL);
    code = run("mount -t tmpfs t /mnt; ls /sys/fs/cgroup | wc -l", "root", text, sizeof text);
    REPORT("root inside cannot mount and sees no cgroups", code == 0 && strstr(text, "\n0\n") != NULL);
    REPORT("it has the memory that was asked for", stats(name).limit == 64 * MIB);
    code = run("dd if=/dev/zero of=/dev/shm/x bs=1M count=100", "", text, sizeof text);
    REPORT("a memory bomb is stopped", code != 0);
    code = run("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 5 & done; wait", "", text, sizeof text);
    REPORT("a fork bomb is stopped", strstr(text, "fork") != NULL || code != 0);
    code = run("dd if=/dev/zero of=/var/tmp/x bs=1M count=20", "", text, sizeof text);
    REPORT("a disk filler is stopped", code != 0);
    REPORT("it can be resized", resize(name, 500, 96 * MIB, 32) == 0 && stats(name).limit == 96 * MIB);
    REPORT("and frozen", ask_id(REQUEST_FREEZE, name) == 0 && stats(name).frozen);
    REPORT("and thawed", ask_id(REQUEST_THAW, name) == 0 && run("echo awake", "", text, sizeof text) == 0);
    REPORT("and destroyed", ask_id(REQUEST_DESTROY, name) == 0 && find_process("tinyvm-keeper") == 0 && find_process("guest") == 0);
#undef REPORT
    under = NULL;
}

/* A host's service that greets, at an address that a rule can name. */
static void serve(const char *address, uint16_t port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, 8) < 0)
        give_up("serve");
    if (fork() != 0) {
        close(fd);
        return;
    }
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (peer >= 0 && send(peer, "greetings\n", 10, MSG_NOSIGNAL) < 0)
            perror("greet");
        close(peer);
    }
}

static void write_rule(const char *address, uint16_t port) {
    struct in_addr value;
    inet_pton(AF_INET, address, &value);
    wire_write_u8(&writer, 0);
    wire_write_u8(&writer, 4);
    wire_write_u64(&writer, 0);
    wire_write_u64(&writer, ntohl(value.s_addr));
    wire_write_u8(&writer, 32);
    wire_write_u32(&writer, 1);
    wire_write_u16(&writer, port);
    wire_write_u16(&writer, port);
    wire_write_u8(&writer, 1);
}

static int attach(uint8_t type, const char *id, const char *address, uint16_t port, struct wire_reader *reader) {
    begin(&spawner, type);
    wire_write_cstr(&writer, id);
    wire_write_u32(&writer, 1);
    write_rule(address, port);
    return ask(reader);
}

/* The connect filter on the wall's own cgroup, and the first lock on a kernel of modules. */
static void test_network(void) {
    struct wire_reader reader;
    if (system("ip link set lo up && ip addr add 10.9.9.9/32 dev lo") != 0)
        give_up("ip");
    serve("10.9.9.9", 80);
    serve("10.9.9.9", 81);
    create("net", 1000, 128 * MIB, 16 * MIB, 64);
    report("a routed interface is attached", attach(REQUEST_NETWORK_ATTACH, "net", "10.9.9.9", 80, &reader) == 0);
    wire_read_str(&reader);
    wire_read_str(&reader);
    wire_read_str(&reader);
    report("with the connect filter", wire_read_u8(&reader) == 1);
    report("what a rule names is reached", run("nc -w 5 10.9.9.9 80 < /dev/null", "", text, sizeof text) == 0 && strcmp(text, "greetings\n") == 0);
    report("else the filter refuses", run("nc -w 5 10.9.9.9 81 < /dev/null", "", text, sizeof text) != 0 && strstr(text, "not permitted") != NULL);
    cpu_before = (uint64_t)find_process("tinyvm-spawner");
    kill((pid_t)cpu_before, SIGKILL);
    waits_for(replaced);
    open_link(&spawner, RUN "/spawner.sock");
    report("new rules after another spawner took over", attach(REQUEST_NETWORK_RULES, "net", "10.9.9.9", 81, &reader) == 0);
    report("hold", run("nc -w 5 10.9.9.9 80 < /dev/null", "", text, sizeof text) != 0 && strstr(text, "not permitted") != NULL &&
                   run("nc -w 5 10.9.9.9 81 < /dev/null", "", text, sizeof text) == 0);
    report("detach", ask_id(REQUEST_NETWORK_DETACH, "net") == 0 && entries("/proc/sys/net/ipv4/conf", "tvm") == 0);
    report("a detached wall has no filter", run("nc -w 5 127.0.0.1 81 < /dev/null; nc -w 5 10.9.9.9 80 < /dev/null", "", text, sizeof text) != 0 &&
                                                strstr(text, "not permitted") == NULL);
    report("again", attach(REQUEST_NETWORK_ATTACH, "net", "10.9.9.9", 80, &reader) == 0);
    report("an attached wall is destroyed", ask_id(REQUEST_DESTROY, "net") == 0 && entries("/proc/sys/net/ipv4/conf", "tvm") == 0);
    begin(&spawner, REQUEST_SUBSCRIBE);
    ask(&reader);
}

/* PING's features that name the network. */
static bool features(struct wire_reader *reader) {
    int found = 0;
    wire_read_str(reader);
    wire_read_u32(reader);
    for (uint32_t count = wire_read_count(reader); count > 0; count--) {
        struct wire_str name = wire_read_str(reader);
        printf("feature: %.*s\n", (int)name.length, name.bytes);
        found += name.length == 6 && memcmp(name.bytes, "routed", 6) == 0;
        found += name.length == 14 && memcmp(name.bytes, "connect-filter", 14) == 0;
    }
    return found == 2;
}

static bool replaced(void) {
    pid_t now = find_process("tinyvm-spawner");
    return now != 0 && (uint64_t)now != cpu_before;
}

static void test_adoption(void) {
    create("stays", 1000, 64 * MIB, 16 * MIB, 64);
    run("echo here > /tmp/mark", "", text, sizeof text);
    cpu_before = (uint64_t)find_process("tinyvm-spawner");
    kill((pid_t)cpu_before, SIGKILL);
    report("another spawner starts", waits_for(replaced));
    open_link(&spawner, RUN "/spawner.sock");
    greet_guest("stays");
    report("the wall is adopted", run("cat /tmp/mark", "", text, sizeof text) == 0 && strcmp(text, "here\n") == 0);
    report("its limits are read back", stats("stays").limit == 64 * MIB);
    report("it can be destroyed", ask_id(REQUEST_DESTROY, "stays") == 0);
}

static void start_spawner(void) {
    int ready[2];
    char line[256] = "", number[16];
    if (pipe(ready) < 0)
        give_up("pipe");
    snprintf(number, sizeof number, "%d", ready[1]);
    if (fork() == 0) {
        close(ready[0]);
        char *arguments[20] = {"tinyvm-spawner", "serve", "--run", RUN, "--images", "/images", "--guest", "/tinyvm-guest",
                               "--layers", "tmpfs", "--pool", "0", "--ready-fd", number};
        for (size_t at = 14, i = 0; i < RUNTIMES_TESTED; i++)
            if (access(runtimes[i].path, X_OK) == 0) {
                arguments[at++] = "--runtime";
                arguments[at++] = runtimes[i].option;
            }
        execv("/tinyvm-spawner", arguments);
        _exit(127);
    }
    close(ready[1]);
    size_t used = 0;
    for (ssize_t n; used < sizeof line - 1 && (n = read(ready[0], line + used, sizeof line - 1 - used)) > 0;)
        used += (size_t)n;
    printf("spawner: %s", line);
    if (strncmp(line, "ready uid=", 10) != 0)
        give_up("the spawner starts");
    manager_uid = (uid_t)strtoul(line + 10, NULL, 10);
    report("the spawner starts", true);
}

int main(void) {
    struct wire_reader reader;
    signal(SIGPIPE, SIG_IGN);
    start_spawner();
    open_link(&spawner, RUN "/spawner.sock");
    begin(&spawner, REQUEST_PING);
    ask(&reader);
    wire_read_u16(&reader);
    report("the host is cgroup v2", wire_read_u8(&reader) == 2);
    report("it can route and filter", features(&reader));
    begin(&spawner, REQUEST_SUBSCRIBE);
    ask(&reader);
    test_memory();
    test_pids();
    test_cpu_and_freeze();
    test_memory_resize();
    test_disk_and_wall();
    for (size_t i = 0; i < RUNTIMES_TESTED; i++)
        if (access(runtimes[i].path, X_OK) == 0)
            test_runtime(runtimes[i].name);
        else
            printf("SKIPPED %s: it is not installed\n", runtimes[i].name);
    test_network();
    report("destroyed walls leave no cgroup", entries("/sys/fs/cgroup/tinyvm-1", "s") == 0);
    test_adoption();
    begin(&spawner, REQUEST_QUIT);
    report("quit", ask(&reader) == 0);
    report("quit leaves no cgroup", entries("/sys/fs/cgroup", "tinyvm") == 0);
    report("quit leaves no file", entries(RUN, "") == 0 && access(RUN "/spawner.sock", F_OK) < 0);
    printf("END\n");
    fflush(stdout);
    return 0;
}
