/*
 * Which system calls a Tiny VM may make, and what the others answer. docs/seccomp.md explains the choice.
 *
 * ALLOWED: every argument is fine. REFUSED: known and dangerous, or meaningless inside: EPERM. ABSENT: programs probe for
 * them and have a fallback when the kernel does not know them: ENOSYS. Whatever stands in no list is ENOSYS too.
 * clone, socket, socketpair, ioctl and personality are judged by their arguments in seccomp.c.
 */
#ifndef SPAWNER_SECCOMP_TABLE_H
#define SPAWNER_SECCOMP_TABLE_H

/* Calls that both x86-64 and arm64 have. */
#define SECCOMP_ALLOWED(X)                                                                                             \
    /* files */                                                                                                        \
    X(read) X(write) X(close) X(fstat) X(lseek) X(pread64) X(pwrite64) X(readv) X(writev) X(preadv) X(pwritev)         \
    X(preadv2) X(pwritev2) X(openat) X(openat2) X(close_range) X(dup) X(dup3) X(fcntl) X(flock) X(fsync)     \
    X(fdatasync) X(sync) X(syncfs) X(sync_file_range) X(truncate) X(ftruncate) X(fallocate) X(fadvise64)               \
    X(readahead) X(getdents64) X(getcwd) X(chdir) X(fchdir) X(chroot) X(mkdirat) X(mknodat) X(unlinkat) X(symlinkat)   \
    X(linkat) X(renameat) X(renameat2) X(readlinkat) X(faccessat) X(faccessat2) X(fchmod) X(fchmodat) X(fchmodat2)     \
    X(fchown) X(fchownat) X(umask) X(utimensat) X(newfstatat) X(statx) X(statfs) X(fstatfs) X(sendfile)                \
    X(copy_file_range) X(splice) X(tee) X(vmsplice) X(name_to_handle_at) X(cachestat) X(setxattr) X(lsetxattr)         \
    X(fsetxattr) X(getxattr) X(lgetxattr) X(fgetxattr) X(listxattr) X(llistxattr) X(flistxattr) X(removexattr)         \
    X(lremovexattr) X(fremovexattr) X(inotify_init1) X(inotify_add_watch) X(inotify_rm_watch)                          \
    X(landlock_create_ruleset) X(landlock_add_rule) X(landlock_restrict_self)                                          \
    /* waiting */                                                                                                      \
    X(pipe2) X(pselect6) X(ppoll) X(epoll_create1) X(epoll_ctl) X(epoll_pwait) X(epoll_pwait2) X(eventfd2)             \
    X(signalfd4) X(timerfd_create) X(timerfd_settime) X(timerfd_gettime) X(io_setup) X(io_destroy) X(io_submit)        \
    X(io_cancel) X(io_getevents) X(io_pgetevents)                                                                      \
    /* memory */                                                                                                       \
    X(brk) X(mmap) X(munmap) X(mprotect) X(mremap) X(madvise) X(msync) X(mincore) X(mlock) X(mlock2) X(munlock)        \
    X(mlockall) X(munlockall) X(memfd_create) X(memfd_secret) X(membarrier) X(remap_file_pages) X(pkey_alloc)          \
    X(pkey_free) X(pkey_mprotect) X(mseal) X(process_madvise) X(process_mrelease)                                      \
    /* processes and threads */                                                                                        \
    X(execve) X(execveat) X(exit) X(exit_group) X(wait4) X(waitid) X(kill) X(tkill) X(tgkill) X(getpid) X(getppid)     \
    X(gettid) X(getpgid) X(setpgid) X(getsid) X(setsid) X(set_tid_address) X(set_robust_list) X(get_robust_list)       \
    X(futex) X(futex_waitv) X(rseq) X(restart_syscall) X(prctl) X(seccomp) X(getrlimit) X(setrlimit) X(prlimit64)      \
    X(getrusage) X(getpriority) X(setpriority) X(ioprio_get) X(ioprio_set) X(sched_yield) X(sched_getparam)            \
    X(sched_setparam) X(sched_getscheduler) X(sched_setscheduler) X(sched_getattr) X(sched_setattr)                    \
    X(sched_get_priority_max) X(sched_get_priority_min) X(sched_rr_get_interval) X(sched_getaffinity)                  \
    X(sched_setaffinity) X(getcpu) X(pidfd_open) X(pidfd_send_signal) X(pidfd_getfd) X(kcmp)                           \
    X(ptrace) X(process_vm_readv) X(process_vm_writev)                                                                 \
    /* users */                                                                                                        \
    X(getuid) X(geteuid) X(getgid) X(getegid) X(getresuid) X(getresgid) X(getgroups) X(setuid) X(setgid) X(setreuid)   \
    X(setregid) X(setresuid) X(setresgid) X(setgroups) X(setfsuid) X(setfsgid) X(capget) X(capset)                     \
    /* signals */                                                                                                      \
    X(rt_sigaction) X(rt_sigprocmask) X(rt_sigreturn) X(rt_sigpending) X(rt_sigsuspend) X(rt_sigtimedwait)             \
    X(rt_sigqueueinfo) X(rt_tgsigqueueinfo) X(sigaltstack)                                                             \
    /* time */                                                                                                         \
    X(clock_gettime) X(clock_getres) X(clock_nanosleep) X(nanosleep) X(gettimeofday) X(times) X(getitimer)             \
    X(setitimer) X(timer_create) X(timer_settime) X(timer_gettime) X(timer_getoverrun) X(timer_delete)                 \
    X(adjtimex) X(clock_adjtime)                                                                                       \
    /* sockets, once made */                                                                                           \
    X(bind) X(listen) X(accept) X(accept4) X(connect) X(getsockname) X(getpeername) X(sendto) X(recvfrom)              \
    X(sendmsg) X(recvmsg) X(sendmmsg) X(recvmmsg) X(setsockopt) X(getsockopt) X(shutdown)                              \
    /* System V and POSIX inter-process communication, in the Tiny VM's own namespace */                               \
    X(shmget) X(shmat) X(shmdt) X(shmctl) X(semget) X(semop) X(semctl) X(semtimedop) X(msgget) X(msgsnd) X(msgrcv)     \
    X(msgctl) X(mq_open) X(mq_unlink) X(mq_timedsend) X(mq_timedreceive) X(mq_notify) X(mq_getsetattr)                 \
    /* system */                                                                                                       \
    X(uname) X(sysinfo) X(getrandom)

/* Calls that only x86-64 has: the older forms of the above. */
#define SECCOMP_ALLOWED_X86(X)                                                                                         \
    X(open) X(creat) X(stat) X(lstat) X(access) X(pipe) X(select) X(poll) X(dup2) X(getdents) X(rename) X(mkdir)       \
    X(rmdir) X(link) X(unlink) X(symlink) X(readlink) X(chmod) X(chown) X(lchown) X(utime) X(utimes) X(futimesat)      \
    X(mknod) X(fork) X(vfork) X(getpgrp) X(pause) X(alarm) X(time) X(arch_prctl) X(epoll_create) X(epoll_wait)         \
    X(inotify_init) X(eventfd) X(signalfd)

#define SECCOMP_REFUSED(X)                                                                                             \
    X(mount) X(umount2) X(pivot_root) X(open_tree) X(move_mount) X(fsopen) X(fsconfig) X(fsmount) X(fspick)            \
    X(mount_setattr) X(setns) X(unshare) X(bpf) X(perf_event_open) X(userfaultfd) X(open_by_handle_at)                 \
    X(kexec_load) X(kexec_file_load) X(init_module) X(finit_module) X(delete_module) X(reboot) X(swapon) X(swapoff)    \
    X(acct) X(quotactl) X(quotactl_fd) X(settimeofday) X(clock_settime) X(sethostname) X(setdomainname) X(syslog)      \
    X(vhangup) X(fanotify_init) X(fanotify_mark) X(lookup_dcookie) X(mbind) X(set_mempolicy) X(get_mempolicy)          \
    X(migrate_pages) X(move_pages)

#define SECCOMP_REFUSED_X86(X) X(iopl) X(ioperm) X(modify_ldt)

#define SECCOMP_ABSENT(X)                                                                                              \
    X(clone3) X(io_uring_setup) X(io_uring_enter) X(io_uring_register) X(keyctl) X(add_key) X(request_key)

/* Numbers that this libc's headers do not know yet; they are the same on every architecture. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#endif
