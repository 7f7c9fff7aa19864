/* The stream a host uses to follow one process. */
#ifndef GUEST_PROCESS_STREAM_H
#define GUEST_PROCESS_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct process;

/* Opens a stream for a process; an older one is cancelled. Sending starts at the two offsets, which must be kept;
 * what is before them is acknowledged. 0, or
 * a negative errno. */
int process_stream_open(struct process *process, uint32_t id, uint64_t stdout_offset, uint64_t stderr_offset);
/* `count` STDIN bytes were used up. */
void process_stream_input_used(struct process *process, size_t count);

#endif
