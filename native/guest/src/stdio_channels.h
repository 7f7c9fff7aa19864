/* The pipes or the terminal between a process and the guest. */
#ifndef GUEST_STDIO_CHANNELS_H
#define GUEST_STDIO_CHANNELS_H

#include "command.h"
#include "process.h"

struct stdio_channels {
    int child[3];     /* what the program gets as 0, 1, 2; entries may be equal */
    int guest_input;  /* -1 when there is none */
    int guest_output[2];
};

/* Opens what the command's flags ask for, owned by its user. 0, or a negative errno and nothing is open. */
int stdio_channels_open(struct stdio_channels *channels, const struct command *command);
/* Hands the guest's ends over to the process. On failure those not handed over stay in channels. */
int stdio_channels_attach(struct stdio_channels *channels, struct process *process);
/* Closes whatever is still held. */
void stdio_channels_close(struct stdio_channels *channels);

#endif
