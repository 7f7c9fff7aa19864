/*
 * Builds the filter of docs/seccomp.md.
 *
 * The numbers are cut into runs of equal answer, and a balanced tree of comparisons finds the run, because the kernel
 * runs the filter once per system call number when it is installed (its "always allowed" bitmap): a long chain of
 * comparisons would make every start of a Tiny VM slower.
 */
#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp_table.h"

enum { NUMBERS = 512, MAX_INSTRUCTIONS = 2048 };

/* Answers beyond errno values: judged by the arguments. */
enum { ASK_CLONE = 1000, ASK_SOCKET, ASK_SOCKETPAIR, ASK_IOCTL, ASK_PERSONALITY };

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "the seccomp filter is written for x86-64 and arm64"
#endif

#define NAMESPACE_FLAGS 0x7e020000U /* CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET */

static int answers[NUMBERS];
static struct sock_filter code[MAX_INSTRUCTIONS];
static size_t used;

static void emit(uint16_t op, uint8_t jt, uint8_t jf, uint32_t k) {
    if (used < MAX_INSTRUCTIONS)
        code[used] = (struct sock_filter){op, jt, jf, k};
    used++;
}

static void load(size_t offset) {
    emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* The low half of an argument: int and unsigned int arguments have no more. */
static void load_argument(unsigned index) {
    load(offsetof(struct seccomp_data, args) + 8 * index);
}

static void answer(int error) {
    emit(BPF_RET | BPF_K, 0, 0, error == 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)error);
}

/* Goes on when the accumulator is k, else skips `count` instructions. */
static void unless_equal_skip(uint32_t k, uint8_t count) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, 0, count, k);
}

static void answer_if_equal(uint32_t k, int error) {
    unless_equal_skip(k, 1);
    answer(error);
}

static void ask_clone(void) {
    load_argument(0);
    emit(BPF_JMP | BPF_JSET | BPF_K, 0, 1, NAMESPACE_FLAGS);
    answer(EPERM);
    answer(0);
}

/* Internet sockets: TCP, UDP and ICMP echo. Raw sockets EPERM, other protocols EPROTONOSUPPORT. */
static void ask_internet(void) {
    load_argument(1);
    emit(BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xf);
    unless_equal_skip(1, 6); /* SOCK_STREAM */
    load_argument(2);
    answer_if_equal(0, 0);
    answer_if_equal(6, 0); /* IPPROTO_TCP */
    answer(EPROTONOSUPPORT);
    unless_equal_skip(2, 10); /* SOCK_DGRAM */
    load_argument(2);
    answer_if_equal(0, 0);
    answer_if_equal(17, 0); /* IPPROTO_UDP */
    answer_if_equal(1, 0);  /* IPPROTO_ICMP: an echo socket, ruled by ping_group_range */
    answer_if_equal(58, 0); /* IPPROTO_ICMPV6 */
    answer(EPROTONOSUPPORT);
    answer_if_equal(3, EPERM);  /* SOCK_RAW */
    answer_if_equal(10, EPERM); /* SOCK_PACKET */
    answer(EPROTONOSUPPORT);
}

static void ask_socket(void) {
    load_argument(0);
    answer_if_equal(1, 0); /* AF_UNIX */
    unless_equal_skip(16, 4); /* AF_NETLINK: only the route protocol, to list interfaces */
    load_argument(2);
    answer_if_equal(0, 0);
    answer(EPROTONOSUPPORT);
    emit(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 2);  /* AF_INET */
    emit(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 10); /* AF_INET6 */
    answer(EAFNOSUPPORT);
    ask_internet();
}

static void ask_socketpair(void) {
    load_argument(0);
    answer_if_equal(1, 0);
    answer(EAFNOSUPPORT);
}

/* Typing into another terminal, the console's own calls, and line disciplines (old, rarely tested kernel code). */
static void ask_ioctl(void) {
    load_argument(1);
    answer_if_equal(0x5412, EPERM); /* TIOCSTI */
    answer_if_equal(0x541c, EPERM); /* TIOCLINUX */
    answer_if_equal(0x541d, EPERM); /* TIOCCONS */
    answer_if_equal(0x5423, EPERM); /* TIOCSETD */
    answer(0);
}

static void ask_personality(void) {
    static const uint32_t harmless[] = {0, 0x8, 0x20000, 0x20008, 0x40000, 0xffffffff};
    load_argument(0);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        answer_if_equal(harmless[i], 0);
    answer(EPERM);
}

static void leaf(int what) {
    switch (what) {
    case ASK_CLONE: ask_clone(); break;
    case ASK_SOCKET: ask_socket(); break;
    case ASK_SOCKETPAIR: ask_socketpair(); break;
    case ASK_IOCTL: ask_ioctl(); break;
    case ASK_PERSONALITY: ask_personality(); break;
    default: answer(what); break;
    }
}

/* The decision for the runs [from, to), whose first numbers are in start[]. */
static void tree(const uint32_t *start, size_t from, size_t to) {
    if (to - from == 1) {
        leaf(answers[start[from]]);
        return;
    }
    size_t middle = from + (to - from) / 2;
    emit(BPF_JMP | BPF_JGE | BPF_K, 0, 1, start[middle]);
    size_t jump = used;
    emit(BPF_JMP | BPF_JA, 0, 0, 0);
    tree(start, from, middle);
    if (jump < MAX_INSTRUCTIONS)
        code[jump].k = (uint32_t)(used - jump - 1);
    tree(start, middle, to);
}

static void set(long number, int what) {
    if (number >= 0 && number < NUMBERS)
        answers[number] = what;
}

#define ALLOW(name) set(SYS_##name, 0);
#define REFUSE(name) set(SYS_##name, EPERM);
#define ABSENT(name) set(SYS_##name, ENOSYS);

int seccomp_build(void) {
    static uint32_t start[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        answers[i] = ENOSYS;
    SECCOMP_ALLOWED(ALLOW)
    SECCOMP_REFUSED(REFUSE)
    SECCOMP_ABSENT(ABSENT)
#if defined(__x86_64__)
    SECCOMP_ALLOWED_X86(ALLOW)
    SECCOMP_REFUSED_X86(REFUSE)
#endif
    set(SYS_clone, ASK_CLONE);
    set(SYS_socket, ASK_SOCKET);
    set(SYS_socketpair, ASK_SOCKETPAIR);
    set(SYS_ioctl, ASK_IOCTL);
    set(SYS_personality, ASK_PERSONALITY);
    size_t runs = 0;
    for (uint32_t i = 0; i < NUMBERS; i++)
        if (i == 0 || answers[i] != answers[i - 1])
            start[runs++] = i;
    used = 0;
    /* A foreign architecture (32-bit calls through int 0x80) and x32 numbers have other tables: nothing is allowed. */
    load(offsetof(struct seccomp_data, arch));
    emit(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, THIS_ARCH);
    answer(ENOSYS);
    load(offsetof(struct seccomp_data, nr));
    emit(BPF_JMP | BPF_JGE | BPF_K, 0, 1, NUMBERS);
    answer(ENOSYS);
    tree(start, 0, runs);
    return used > MAX_INSTRUCTIONS ? -E2BIG : 0;
}

int seccomp_install(void) {
    struct sock_fprog program = {(unsigned short)used, code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

int seccomp_answer(long number) {
    return number < 0 || number >= NUMBERS ? ENOSYS : answers[number];
}
