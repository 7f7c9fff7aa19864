/*
 * The guest is built with musl where there is musl-gcc, else with glibc. glibc asks the processor some thirty questions
 * (CPUID) before main, each of which a hypervisor answers: 0.2 ms of every start on a virtual machine. Here is what musl
 * has by another name, or does by itself.
 */
#ifndef GUEST_LIBC_H
#define GUEST_LIBC_H

#include <features.h>
#ifdef __GLIBC__

#include <malloc.h>

typedef unsigned long ioctl_number;

#else

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int ioctl_number;

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1U
#define renameat2(from_dir, from, to_dir, to, flags) (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags)
#endif

#define strerrordesc_np strerror

#endif
#endif
