/* See child.h. The child is a copy of the single-threaded spawner, so it may use all of libc. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "keeper.h"
#include "seccomp.h"
#include "stage.h"

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67 /* Linux 6.4 */
#endif

struct child {
    const struct child_plan *plan;
    struct activation request;
    int layer_mount; /* tmpfs layers */
    int listener;
    int volumes[MAX_MOUNTS];
    pid_t sandboxed; /* under a runtime: the process that the Tiny VM lives and dies with */
};

static int hand_over(struct child *child, struct fault *fault);

/* ---- steps of a blank wall ---- */

static int close_descriptors(struct child *child, struct fault *fault) {
    int keep[40];
    size_t count = cgroups_fds(keep, 32);
    keep[count++] = child->plan->userns;
    keep[count++] = child->plan->control;
    keep[count++] = child->plan->guest;
    if (child->plan->layer_userns >= 0)
        keep[count++] = child->plan->layer_userns;
    int result = close_all_but(keep, count);
    return result == 0 ? 0 : fault_set(fault, -result, "close-descriptors", "cannot close inherited descriptors");
}

static int reset_signals(struct child *child, struct fault *fault) {
    (void)child;
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < 32; number++)
        if (number != SIGKILL && number != SIGSTOP)
            signal(number, SIG_DFL);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || setsid() < 0)
        return fault_set(fault, errno, "reset-signals", "cannot reset signals");
    return 0;
}

static int join_cgroup(struct child *child, struct fault *fault) {
    int result = child->plan->join_cgroup ? cgroup_join(child->plan->slot) : 0;
    return result == 0 ? 0 : fault_set(fault, -result, "join-cgroup", "cannot enter the cgroup");
}

static int unshare_namespaces(struct child *child, struct fault *fault) {
    (void)child;
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
        return fault_set(fault, errno, "unshare", "cannot make the namespaces");
    return 0;
}

static int raise_loopback(struct child *child, struct fault *fault) {
    (void)child;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
    fd_close(&fd);
    return result == 0 ? 0 : fault_set(fault, -result, "raise-loopback", "cannot bring up lo");
}

static int make_mounts(struct child *child, struct fault *fault) {
    if (child->plan->runtime != RUNTIME_NONE)
        return stage_build(child->plan, &child->layer_mount, fault);
    return child_mount_all(child->plan, &child->layer_mount, fault);
}

static int open_standard_streams(struct child *child, struct fault *fault) {
    (void)child;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int result = null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ? -errno : 0;
    if (null > 2)
        fd_close(&null);
    return result == 0 ? 0 : fault_set(fault, -result, "open-null", "cannot open /dev/null");
}

/* ---- steps that need the request ---- */

static int receive_request(struct child *child, struct fault *fault) {
    struct report ready = {.kind = REPORT_READY};
    if (send(child->plan->control, &ready, sizeof ready, MSG_NOSIGNAL) < 0)
        return fault_set(fault, errno, "report-ready", "cannot reach the spawner");
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * (MAX_MOUNTS + 1))];
    } ancillary;
    struct iovec part = {&child->request, sizeof child->request};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary,
                             .msg_controllen = sizeof ancillary};
    ssize_t n;
    while ((n = recvmsg(child->plan->control, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (n == 0)
        _exit(0); /* the blank wall is not needed any more */
    struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
    size_t fds = header == NULL ? 0 : (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (fds != child->request.mount_count + 1U)
        return fault_set(fault, n < 0 ? errno : EPROTO, "receive-request", "the spawner sent no usable request");
    int received[MAX_MOUNTS + 1];
    memcpy(received, CMSG_DATA(header), fds * sizeof(int));
    child->listener = received[0];
    memcpy(child->volumes, received + 1, (fds - 1) * sizeof(int));
    return 0;
}

static int bound_layer(struct child *child, struct fault *fault) {
    int result = child->plan->btrfs ? 0 : child_resize_layer(child->layer_mount, child->request.disk_bytes);
    fd_close(&child->layer_mount);
    return result == 0 ? 0 : fault_set(fault, -result, "bound-layer", "cannot bound the writable layer");
}

static int name_host(struct child *child, struct fault *fault) {
    const char *name = child->request.hostname;
    if (child->plan->runtime != RUNTIME_NONE)
        return stage_name_host(name, fault);
    if (sethostname(name, strlen(name)) < 0)
        return fault_set(fault, errno, "set-hostname", "cannot set the hostname");
    char text[512];
    snprintf(text, sizeof text, "%s\n", name);
    int result = write_file("/etc/hostname", text);
    if (result == 0) {
        snprintf(text, sizeof text, "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n", name);
        result = write_file("/etc/hosts", text);
    }
    /* An image without a usable /etc lives without these files. */
    return result == 0 || result == -ENOENT || result == -ENOTDIR || result == -EISDIR || result == -ELOOP
               ? 0 : fault_set(fault, -result, "write-etc", "cannot write /etc/hostname and /etc/hosts");
}

static int mount_volumes(struct child *child, struct fault *fault) {
    for (uint32_t i = 0; i < child->request.mount_count; i++) {
        const char *target = child->request.mounts[i].target;
        if (child->plan->runtime != RUNTIME_NONE) {
            if (stage_add_volume(child->volumes[i], i, fault) < 0)
                return -fault->error;
            fd_close(&child->volumes[i]);
            continue;
        }
        int result = child_mount_volume(child->volumes[i], target, child->plan->base);
        if (result < 0)
            return fault_set(fault, -result, "mount-volume", "cannot mount a volume at %s", target);
        fd_close(&child->volumes[i]);
    }
    return 0;
}

static int protect_root(struct child *child, struct fault *fault) {
    int result = child->request.read_only_root ? child_make_read_only(child->plan) : 0;
    return result == 0 ? 0 : fault_set(fault, -result, "protect-root", "cannot make the root read-only");
}

static int set_resource_limits(struct child *child, struct fault *fault) {
    (void)child;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return fault_set(fault, errno, "limit-resources", "cannot read the descriptor limit");
    files.rlim_max = files.rlim_max < 65536 ? files.rlim_max : 65536;
    files.rlim_cur = 1024;
    static const struct { __rlimit_resource_t what; struct rlimit limit; } limits[] = {
        {RLIMIT_CORE, {0, 0}}, {RLIMIT_MEMLOCK, {64 << 10, 64 << 10}}, {RLIMIT_MSGQUEUE, {819200, 819200}},
        {RLIMIT_STACK, {8 << 20, RLIM_INFINITY}}};
    int result = setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
    for (size_t i = 0; result == 0 && i < sizeof limits / sizeof *limits; i++) {
        struct rlimit have, want = limits[i].limit;
        result = getrlimit(limits[i].what, &have) < 0 ? -errno : 0;
        want.rlim_max = want.rlim_max < have.rlim_max ? want.rlim_max : have.rlim_max;
        want.rlim_cur = want.rlim_cur < want.rlim_max ? want.rlim_cur : want.rlim_max;
        if (result == 0 && setrlimit(limits[i].what, &want) < 0)
            result = -errno;
    }
    return result == 0 ? 0 : fault_set(fault, -result, "limit-resources", "cannot set resource limits");
}

/* Inherited by everything inside, over fork and (from Linux 6.10 on) exec. */
static int merge_memory(struct child *child, struct fault *fault) {
    if (!child->request.merge_memory || prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) == 0)
        return 0;
    return fault_set(fault, errno, "merge-memory", "cannot let the kernel merge memory (needs Linux 6.10 with CONFIG_KSM)");
}

static int enter_user_namespace(struct child *child, struct fault *fault) {
    if (setns(child->plan->userns, CLONE_NEWUSER) < 0)
        return fault_set(fault, errno, "enter-user-namespace", "cannot enter the user namespace");
    if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return fault_set(fault, errno, "become-root-inside", "cannot become uid 0 of the user namespace");
    return 0;
}

/* What root inside may do, over its own files, users and processes. Nothing that reaches the kernel's older corners:
 * no SYS_ADMIN, NET_ADMIN, NET_RAW, SYS_MODULE, SYS_PTRACE, MKNOD. */
static const uint64_t kept_capabilities =
    1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID | 1ULL << CAP_KILL |
    1ULL << CAP_SETGID | 1ULL << CAP_SETUID | 1ULL << CAP_SETPCAP | 1ULL << CAP_SETFCAP |
    1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_SYS_CHROOT | 1ULL << CAP_AUDIT_WRITE;

uint64_t child_kept_capabilities(enum runtime runtime) {
    /* gVisor: in the sentry's own user namespace, for the guest alone, which sets the hostname and then drops it for good. */
    return kept_capabilities | (runtime == RUNTIME_RUNSC ? 1ULL << CAP_SYS_ADMIN : 0ULL);
}

static int drop_bounding_set(struct child *child, struct fault *fault) {
    (void)child;
    for (int capability = 0; capability < 64; capability++)
        if ((kept_capabilities >> capability & 1) == 0 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
            if (errno == EINVAL) /* beyond the last one this kernel has */
                break;
            return fault_set(fault, errno, "drop-capabilities", "cannot drop capability %d", capability);
        }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fault_set(fault, errno, "drop-capabilities", "cannot clear ambient capabilities");
    return 0;
}

static int install_filter(struct child *child, struct fault *fault) {
    (void)child;
    int result = seccomp_install();
    return result == 0 ? 0 : fault_set(fault, -result, "install-seccomp", "cannot install the system call filter");
}

static int reduce_capabilities(struct child *child, struct fault *fault) {
    (void)child;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    uint32_t low = (uint32_t)kept_capabilities, high = (uint32_t)(kept_capabilities >> 32);
    struct __user_cap_data_struct data[2] = {{low, low, 0}, {high, high, 0}};
    if (syscall(SYS_capset, &header, data) < 0)
        return fault_set(fault, errno, "reduce-capabilities", "cannot reduce the capabilities");
    return 0;
}

/* ---- the steps of a wall that a runtime makes ---- */

/* A pooled sandbox is made before anybody asks for it; the guest gets its name and its default user from the host later. */
static int assume_request(struct child *child, struct fault *fault) {
    (void)fault;
    child->request = (struct activation){.hostname = "tinyvm", .user = "root"};
    return 0;
}

static int write_config(struct child *child, struct fault *fault) {
    return stage_write_config(child->plan, &child->request, fault);
}

static int start_runtime(struct child *child, struct fault *fault) {
    return keeper_start(child->plan, child->plan->pooled ? -1 : child->listener, &child->sandboxed, fault);
}

static int keep(struct child *child, struct fault *fault) {
    struct report executing = {.kind = REPORT_EXEC};
    bool relays = child->plan->runtime == RUNTIME_RUNSC;
    if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0 || send(child->plan->control, &executing, sizeof executing, MSG_NOSIGNAL) < 0)
        return fault_set(fault, errno, "report-exec", "cannot reach the spawner");
    int kept[] = {relays ? child->listener : -1};
    if (close_all_but(kept, relays ? 1 : 0) < 0)
        return fault_set(fault, errno, "close-descriptors", "cannot close descriptors");
    keeper_run(child->sandboxed, kept[0]);
}

struct step {
    const char *name;
    int (*run)(struct child *child, struct fault *fault);
};

static const struct step runtime_steps[] = {
    {"close-descriptors", close_descriptors},
    {"reset-signals", reset_signals},
    {"join-cgroup", join_cgroup},
    {"unshare", unshare_namespaces},
    {"raise-loopback", raise_loopback},
    {"stage", make_mounts},
    {"open-null", open_standard_streams},
    {"receive-request", receive_request},
    {"bound-layer", bound_layer},
    {"set-hostname", name_host},
    {"mount-volume", mount_volumes},
    {"write-config", write_config},
    {"enter-user-namespace", enter_user_namespace},
    {"start-runtime", start_runtime},
    {"keep", keep},
};

static const struct step pooled_steps[] = {
    {"close-descriptors", close_descriptors},
    {"reset-signals", reset_signals},
    {"join-cgroup", join_cgroup},
    {"unshare", unshare_namespaces},
    {"raise-loopback", raise_loopback},
    {"stage", make_mounts},
    {"open-null", open_standard_streams},
    {"assume-request", assume_request},
    {"write-config", write_config},
    {"enter-user-namespace", enter_user_namespace},
    {"start-runtime", start_runtime},
    {"receive-request", receive_request},
    {"keep", keep},
};

static const struct step steps[] = {
    {"close-descriptors", close_descriptors},
    {"reset-signals", reset_signals},
    {"join-cgroup", join_cgroup},
    {"unshare", unshare_namespaces},
    {"raise-loopback", raise_loopback},
    {"mounts", make_mounts},
    {"open-null", open_standard_streams},
    {"receive-request", receive_request},
    {"bound-layer", bound_layer},
    {"set-hostname", name_host},
    {"mount-volume", mount_volumes},
    {"protect-root", protect_root},
    {"limit-resources", set_resource_limits},
    {"merge-memory", merge_memory},
    {"enter-user-namespace", enter_user_namespace},
    {"drop-capabilities", drop_bounding_set},
    {"install-seccomp", install_filter},
    {"reduce-capabilities", reduce_capabilities},
    {"execute-guest", hand_over},
};

static int hand_over(struct child *child, struct fault *fault) {
    char option[] = "--listen-fd", number[] = "3", user_option[] = "--user", name[] = "tinyvm-guest";
    char *arguments[] = {name, option, number, user_option, child->request.user, NULL};
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char *environment[] = {path, NULL};
    struct report executing = {.kind = REPORT_EXEC};
    if (test_fails("execute-guest"))
        return fault_set(fault, EIO, "execute-guest", "made to fail by a test");
    /* Descriptor 3 is taken by whatever was open first; its holder moves away. */
    int control = fcntl(child->plan->control, F_DUPFD_CLOEXEC, 64);
    int guest = fcntl(child->plan->guest, F_DUPFD_CLOEXEC, 64);
    int listener = fcntl(child->listener, F_DUPFD_CLOEXEC, 64);
    if (control < 0 || guest < 0 || listener < 0 || dup2(listener, 3) < 0 || sys_close_range(4, 63) < 0)
        return fault_set(fault, errno, "arrange-descriptors", "cannot arrange the guest's descriptors");
    umask(022);
    if (send(control, &executing, sizeof executing, MSG_NOSIGNAL) < 0 || prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
        return fault_set(fault, errno, "report-exec", "cannot reach the spawner");
    syscall(SYS_execveat, guest, "", arguments, environment, AT_EMPTY_PATH);
    struct report failed = {.kind = REPORT_FAILED};
    fault_set(&failed.fault, errno, "execute-guest", "cannot execute the guest");
    send(control, &failed, sizeof failed, MSG_NOSIGNAL);
    _exit(EXIT_FAILURE);
}

void child_run(const struct child_plan *plan) {
    static struct child child;
    child.plan = plan;
    child.layer_mount = -1;
    struct report report = {.kind = REPORT_FAILED};
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* until it is a Tiny VM it dies with the spawner */
    const struct step *list = plan->runtime == RUNTIME_NONE ? steps : plan->pooled ? pooled_steps : runtime_steps;
    size_t count = plan->runtime == RUNTIME_NONE ? sizeof steps / sizeof *steps
                   : plan->pooled                ? sizeof pooled_steps / sizeof *pooled_steps
                                                 : sizeof runtime_steps / sizeof *runtime_steps;
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = list[i].run(&child, &report.fault);
        if (result == 0 && test_fails(list[i].name))
            result = fault_set(&report.fault, EIO, list[i].name, "made to fail by a test");
    }
    send(plan->control, &report, sizeof report, MSG_NOSIGNAL);
    _exit(EXIT_FAILURE);
}
