/* The system call filter of every Tiny VM, as a classic BPF program built once when the spawner starts. */
#ifndef SPAWNER_SECCOMP_H
#define SPAWNER_SECCOMP_H

/* Builds the program. -E2BIG when it does not fit (a defect of the tables). */
int seccomp_build(void);
/* Puts it on the calling thread for good. Needs CAP_SYS_ADMIN in the caller's user namespace, since no_new_privs stays
 * off for sudo's sake. */
int seccomp_install(void);
/* What the filter answers, for tests: 0 allowed, else the errno. Judges only the number. */
int seccomp_answer(long number);

#endif
