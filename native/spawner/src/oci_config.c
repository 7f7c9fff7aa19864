/* See oci_config.h. */
#include "oci_config.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "seccomp_table.h"

struct out {
    char *at;
    char *end;
    int error;
};

static void add(struct out *out, const char *text) {
    size_t length = strlen(text);
    if (out->error != 0 || length >= (size_t)(out->end - out->at)) {
        out->error = out->error != 0 ? out->error : -E2BIG;
        return;
    }
    memcpy(out->at, text, length + 1);
    out->at += length;
}

/* The length of the UTF-8 sequence at `at` (RFC 3629: no overlong forms, no surrogates), 0 when there is none. */
static size_t utf8_length(const unsigned char *at) {
    if (at[0] < 0x80)
        return 1;
    size_t length = at[0] >= 0xc2 && at[0] <= 0xdf ? 2 : (at[0] & 0xf0) == 0xe0 ? 3 : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80) /* NUL ends it, too */
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

static void add_string(struct out *out, const char *text) {
    add(out, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at != 0 && out->error == 0;) {
        char piece[8];
        size_t length = utf8_length(at);
        if (length == 0) {
            out->error = -EINVAL;
            return;
        }
        if (*at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f)
            snprintf(piece, sizeof piece, "\\u%04x", *at);
        else
            snprintf(piece, sizeof piece, "%.*s", (int)length, (const char *)at);
        add(out, piece);
        at += length;
    }
    add(out, "\"");
}

static void add_strings(struct out *out, const char *const *items, size_t count) {
    add(out, "[");
    for (size_t i = 0; i < count; i++) {
        add(out, i == 0 ? "" : ",");
        add_string(out, items[i]);
    }
    add(out, "]");
}

/* ---- process ---- */

static void add_capabilities(struct out *out, const struct oci_config *config) {
    static const struct { int number; const char *name; } known[] = {
        {CAP_CHOWN, "CAP_CHOWN"}, {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"}, {CAP_FOWNER, "CAP_FOWNER"},
        {CAP_FSETID, "CAP_FSETID"}, {CAP_KILL, "CAP_KILL"}, {CAP_SETGID, "CAP_SETGID"}, {CAP_SETUID, "CAP_SETUID"},
        {CAP_SETPCAP, "CAP_SETPCAP"}, {CAP_SETFCAP, "CAP_SETFCAP"}, {CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE"},
        {CAP_SYS_CHROOT, "CAP_SYS_CHROOT"}, {CAP_AUDIT_WRITE, "CAP_AUDIT_WRITE"}, {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}};
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    const char *kept[sizeof known / sizeof *known];
    size_t count = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((config->kept_capabilities >> known[i].number & 1) != 0)
            kept[count++] = known[i].name;
    add(out, "\"capabilities\":{");
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        add(out, i == 0 ? "\"" : ",\"");
        add(out, sets[i]);
        add(out, "\":");
        add_strings(out, kept, count);
    }
    add(out, "}");
}

static void add_process(struct out *out, const struct oci_config *config) {
    const char *arguments[] = {INSIDE_GUEST, "--listen-fd", "3", "--user", config->user, "--admin", "for-naming"};
    size_t count = 5;
    if (config->runtime == RUNTIME_RUNSC) {
        arguments[1] = "--listen-path";
        arguments[2] = INSIDE_SOCKETS "/guest.sock";
        count = 7;
    }
    add(out, "\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0,\"umask\":18},\"cwd\":\"/\",\"noNewPrivileges\":false,"
             "\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"],\"args\":");
    add_strings(out, arguments, count);
    add(out, ",");
    add_capabilities(out, config);
    char limits[160];
    snprintf(limits, sizeof limits, ",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":%llu,\"hard\":%llu},"
                                    "{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0}]}",
             config->descriptors < 1024ULL ? (unsigned long long)config->descriptors : 1024ULL, (unsigned long long)config->descriptors);
    add(out, limits);
}

/* ---- mounts ---- */

static void add_volume(struct out *out, const struct oci_config *config, uint32_t index) {
    char source[32];
    snprintf(source, sizeof source, STAGE_VOLUMES "/%u", index);
    add(out, ",{\"type\":\"bind\",\"source\":");
    add_string(out, source);
    add(out, ",\"destination\":");
    add_string(out, config->mounts[index].target);
    add(out, ",\"options\":[\"rbind\",\"nosuid\",\"nodev\",");
    add(out, config->mounts[index].read_only ? "\"ro\"]}" : "\"rw\"]}");
}

static void add_mounts(struct out *out, const struct oci_config *config) {
    add(out, "\"mounts\":["
             "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
             "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\",\"size=64k\"]},"
             "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
             "\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
             "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"noexec\",\"nodev\","
             "\"mode=1777\",\"size=64m\"]},");
    if (config->runtime == RUNTIME_RUNSC)
        add(out, "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
                 "{\"destination\":\"" INSIDE_SOCKETS "\",\"type\":\"bind\",\"source\":\"" STAGE_SOCKETS "\",\"options\":[\"bind\",\"rw\"]},");
    else
        add(out, "{\"destination\":\"/sys\",\"type\":\"bind\",\"source\":\"" STAGE_SYS "\",\"options\":[\"rbind\",\"nosuid\",\"noexec\","
                 "\"nodev\",\"ro\"]},");
    add(out, "{\"destination\":\"" INSIDE_GUEST "\",\"type\":\"bind\",\"source\":\"" STAGE_GUEST "\",\"options\":[\"bind\",\"nosuid\","
             "\"nodev\",\"ro\"]}");
    for (uint32_t i = 0; i < config->mount_count; i++)
        add_volume(out, config, i);
    add(out, "]");
}

/* ---- the system call filter, for runtimes on the host's kernel (docs/seccomp.md) ---- */

#define SOME(name) add(out, separator), add(out, "\"" #name "\""), separator = ",";
/* Behind gVisor the guest gives the sandbox its name; without CAP_SYS_ADMIN nobody else can. */
#define SOME_OF_THE_SENTRY(name)                                                                                       \
    if (strcmp(#name, "sethostname") != 0) {                                                                           \
        SOME(name)                                                                                                     \
    }

/* One rule for one call; conditions are [index, value, mask or 0 for equal]. */
static void add_rule(struct out *out, const char *name, int error, size_t count, const unsigned conditions[][3]) {
    char text[96];
    snprintf(text, sizeof text, ",{\"names\":[\"%s\"],\"action\":\"%s\"", name, error == 0 ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
    add(out, text);
    if (error != 0) {
        snprintf(text, sizeof text, ",\"errnoRet\":%d", error);
        add(out, text);
    }
    add(out, ",\"args\":[");
    for (size_t i = 0; i < count; i++) {
        const unsigned *c = conditions[i];
        if (c[2] == 0)
            snprintf(text, sizeof text, "%s{\"index\":%u,\"value\":%u,\"op\":\"SCMP_CMP_EQ\"}", i == 0 ? "" : ",", c[0], c[1]);
        else
            snprintf(text, sizeof text, "%s{\"index\":%u,\"value\":%u,\"valueTwo\":%u,\"op\":\"SCMP_CMP_MASKED_EQ\"}",
                     i == 0 ? "" : ",", c[0], c[2], c[1]);
        add(out, text);
    }
    add(out, "]}");
}

static void refuse_new_namespaces(struct out *out) {
    static const unsigned flags[] = {0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        add_rule(out, "clone", EPERM, 1, (const unsigned[][3]){{0, flags[i], flags[i]}});
}

static void add_judged(struct out *out) {
    static const unsigned families[] = {2, 10}, harmless[] = {0, 0x8, 0x20000, 0x20008, 0x40000, 0xffffffff};
    static const unsigned stream[] = {0, 6}, datagram[] = {0, 17, 1, 58};
    add_rule(out, "clone", 0, 1, (const unsigned[][3]){{0, 0, 0x7e020000}});
    refuse_new_namespaces(out);
    add_rule(out, "socketpair", 0, 1, (const unsigned[][3]){{0, 1, 0}});
    add_rule(out, "socket", 0, 1, (const unsigned[][3]){{0, 1, 0}});
    add_rule(out, "socket", 0, 2, (const unsigned[][3]){{0, 16, 0}, {2, 0, 0}});
    /* sudo's PAM modules ask for an audit socket and take only these errors for "there is none". */
    for (unsigned bit = 1; bit < 32; bit <<= 1)
        add_rule(out, "socket", EPROTONOSUPPORT, 2, (const unsigned[][3]){{0, 16, 0}, {2, bit, bit}});
    for (unsigned family = 0; family < 48; family++)
        if (family != 1 && family != 2 && family != 10 && family != 16)
            add_rule(out, "socket", EAFNOSUPPORT, 1, (const unsigned[][3]){{0, family, 0}});
    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < sizeof stream / sizeof *stream; i++)
            add_rule(out, "socket", 0, 3, (const unsigned[][3]){{0, families[f], 0}, {1, 1, 0xf}, {2, stream[i], 0}});
        for (size_t i = 0; i < sizeof datagram / sizeof *datagram; i++)
            add_rule(out, "socket", 0, 3, (const unsigned[][3]){{0, families[f], 0}, {1, 2, 0xf}, {2, datagram[i], 0}});
        add_rule(out, "socket", EPERM, 2, (const unsigned[][3]){{0, families[f], 0}, {1, 3, 0xf}});
    }
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        add_rule(out, "personality", 0, 1, (const unsigned[][3]){{0, harmless[i], 0}});
}

/*
 * ioctl is allowed but for four requests. A rule cannot say "all but", and a comparison would see the upper half that the
 * kernel ignores, so the complement is said bit by bit: all that differ from 0x5400 above bit 5, then the rest one by one.
 */
static void add_ioctl(struct out *out) {
    static const unsigned refused[] = {0x5412, 0x541c, 0x541d, 0x5423}; /* TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD */
    for (unsigned bit = 6; bit < 32; bit++)
        add_rule(out, "ioctl", 0, 1, (const unsigned[][3]){{1, ~0x5400U & 1U << bit, 1U << bit}});
    for (unsigned request = 0x5400; request < 0x5440; request++) {
        bool is_refused = false;
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            is_refused |= request == refused[i];
        add_rule(out, "ioctl", is_refused ? EPERM : 0, 1, (const unsigned[][3]){{1, request, 0xffffffff}});
    }
}

static void add_seccomp(struct out *out) {
    add(out, ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"architectures\":[");
#if defined(__x86_64__)
    add(out, "\"SCMP_ARCH_X86_64\"");
#else
    add(out, "\"SCMP_ARCH_AARCH64\"");
#endif
    const char *separator = "";
    add(out, "],\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[");
    SECCOMP_ALLOWED(SOME)
#if defined(__x86_64__)
    SECCOMP_ALLOWED_X86(SOME)
#endif
    add(out, "]},{\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1,\"names\":[");
    separator = "";
    SECCOMP_REFUSED(SOME)
#if defined(__x86_64__)
    SECCOMP_REFUSED_X86(SOME)
#endif
    add(out, "]}");
    add_judged(out);
    add_ioctl(out);
    add(out, "]}");
}

/*
 * gVisor's sentry answers all system calls itself, so that what is dangerous for a kernel of C is not for it; this filter
 * takes the same doors away that no agent needs. It names what is refused rather than what is allowed: runsc knows no other
 * error than EPERM for the rest, and C libraries need ENOSYS to find their way around what is missing.
 */
static void add_sentry_seccomp(struct out *out) {
    const char *separator = "";
    add(out, ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[");
#if defined(__x86_64__)
    add(out, "\"SCMP_ARCH_X86_64\"");
#else
    add(out, "\"SCMP_ARCH_AARCH64\"");
#endif
    add(out, "],\"syscalls\":[{\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1,\"names\":[\"keyctl\",\"add_key\",\"request_key\"");
    separator = ",";
    SECCOMP_REFUSED(SOME_OF_THE_SENTRY)
#if defined(__x86_64__)
    SECCOMP_REFUSED_X86(SOME_OF_THE_SENTRY)
#endif
    add(out, "]}");
    refuse_new_namespaces(out);
    add(out, "]}");
}

static void add_linux(struct out *out, const struct oci_config *config) {
    add(out, "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"uts\"}],"
             "\"maskedPaths\":[\"/proc/kcore\",\"/proc/keys\",\"/proc/key-users\",\"/proc/timer_list\",\"/proc/sched_debug\","
             "\"/proc/latency_stats\",\"/proc/kallsyms\",\"/proc/acpi\",\"/proc/scsi\",\"/proc/asound\"],"
             "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]");
    if (config->runtime == RUNTIME_RUNSC)
        add_sentry_seccomp(out);
    else
        add_seccomp(out);
    add(out, "}");
}

ssize_t oci_config_write(const struct oci_config *config, char *text, size_t room) {
    struct out out = {.at = text, .end = text + room};
    add(&out, "{\"ociVersion\":\"1.0.2\",");
    add_process(&out, config);
    add(&out, ",\"root\":{\"path\":\"" STAGE_ROOTFS "\",\"readonly\":");
    add(&out, config->read_only_root ? "true" : "false");
    add(&out, "},\"hostname\":");
    add_string(&out, config->hostname);
    add(&out, ",");
    add_mounts(&out, config);
    add(&out, ",");
    add_linux(&out, config);
    add(&out, "}\n");
    return out.error != 0 ? out.error : out.at - text;
}
