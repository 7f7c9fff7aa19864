/*
 * The second lock: eBPF programs on the wall's cgroup that are asked at each connect(2) and each sendto(2) or sendmsg(2)
 * with an address. The list of rules is compiled into them, so that a new list is a new program, which the kernel puts in the
 * place of the old one. Attached programs belong to the cgroup: they outlive the spawner and end with the cgroup.
 */
#ifndef SPAWNER_FILTER_H
#define SPAWNER_FILTER_H

#include "rule.h"

struct filter_counts {
    uint64_t allowed, refused;
};

/* Loads a program and attaches it to a cgroup nobody is in. 0, or a negative errno and in `why` the verifier's last line. */
int filter_probe(int cgroup, char *why, size_t room);
/* A map of two counters: a descriptor. */
int filter_make_counters(void);
/* Attaches programs with this list, in the place of those there are. On failure of a first attachment call filter_detach. */
int filter_attach(int cgroup, int counters, const struct rules *rules, struct fault *fault);
/* The counters of the programs on this cgroup: a descriptor, -ENOENT when not all of them are there. */
int filter_find(int cgroup);
/* Takes off what is attached. */
void filter_detach(int cgroup);
int filter_read(int counters, struct filter_counts *counts);

#endif
